-- KEKs: GROUPKEY-PUSH under them (RFC 6407, 4), and where they come from: the key file, Key Downloads of PULL and
-- PUSH, LKH arrays followed along each path.

local numbers, ciphers = G.constants.numbers, G.ciphers

local keks, trees, policies  -- by Rekey SA's SPI; the last by exchange

function G.forget_keks() keks, trees, policies = {}, {}, {} end

-- What IV and key of that many octets may be for.
local SUITES = {[16] = {"des"}, [32] = {"aes", "3des"}, [40] = {"aes"}, [48] = {"aes"}}

-- The plaintext under a KEK, and whether it looks like one; the more of what its octets may be is taken.
local function with_kek(kek, kind, ciphertext)
  local found
  for _, name in ipairs(kek.cipher and {kek.cipher} or SUITES[#kek.octets] or {}) do
    local block = ciphers[name].block
    local plain = G.decrypt(name, kek.octets:sub(block + 1), kek.octets:sub(1, block), ciphertext)
    if plain and G.plausible(kind, plain) then
      kek.cipher = name
      return plain, true
    end
    found = found or plain
  end
  return found, false
end

-- What opens a push, as G.open has it.
function G.under_kek(header, ciphertext)
  local spi = header.initiator .. header.responder
  local choices, fallback = {}, nil
  for _, kek in ipairs(keks[spi] or {}) do choices[#choices + 1] = {kek, "a KEK learnt from the capture"} end
  local given = G.keys.kek[spi]
  if given then choices[#choices + 1] = {{octets = given}, "the KEK of this SPI"} end
  for _, choice in ipairs(choices) do
    local plain, sound = with_kek(choice[1], header.next_payload, ciphertext)
    if sound then return {plain = plain, said = choice[2]} end
    if plain and not fallback then fallback = {plain = plain, said = choice[2]} end
  end
  if fallback then return fallback end
  if #choices > 0 then
    return {kind = "keys", problem = "no KEK of this SPI has the sizes that the ciphertext needs"}
  end
  return {kind = "encrypted", problem = "no KEK of this SPI is known"}
end

-- Learning --------------------------------------------------------------------------------------------

-- KEKs that are kept of one SPI, which has one at a time.
local KEPT = 16

local function add_kek(spi, octets, cipher)
  if #spi ~= 16 then return end
  local list = keks[spi] or {}
  keks[spi] = list
  for _, known in ipairs(list) do
    if known.octets == octets then return end
  end
  table.insert(list, 1, {octets = octets, cipher = cipher})  -- the newest is the likeliest
  list[KEPT + 1] = nil
end

local function kek_cipher(sa_kek)
  return numbers.kek_ciphers[G.attribute_numbers(sa_kek.attributes)[numbers.kek_algorithm] or 0]
end

-- The SA KEK of a message, if it has one.
local function sa_kek_of(payloads)
  for _, payload in ipairs(payloads) do
    for _, inner in ipairs(payload.class == "GroupSA" and payload.v.sa_attributes or {}) do
      if inner.class == "SAKEK" and inner.v.spi then return inner.v end
    end
  end
end

local function node_name(id, handle) return id .. "/" .. handle end

-- Nodes of an LKH tree that members hold: {cipher, octets} by node and handle, of which there is one for each key
-- that a node ever had. So a Rekey SA and the one that follows it have one tree.
local function tree_of(spi)
  trees[spi] = trees[spi] or {}
  return trees[spi]
end

-- The tree of a Rekey SA that a push under another one names.
local function joined_tree(spi, under)
  local tree, before = trees[spi], tree_of(under)
  if not tree then
    trees[spi] = before
    return before
  end
  if tree ~= before then
    for name, key in pairs(before) do tree[name] = tree[name] or key end
    trees[under] = tree
  end
  return tree
end

-- The root's key in a download array, leaf first; its nodes are kept.
local function download(array, tree, cipher)
  local last
  for _, key in ipairs(array.lkh_keys or {}) do
    if key.key_data then
      tree[node_name(key.lkh_id, key.key_handle)] = {octets = key.key_data, cipher = cipher}
      last = key.key_data
    end
  end
  return last
end

-- The root's key in an update array, each key of which is encrypted under the one before it.
local function update(array, tree, cipher)
  local under = array.lkh_id and tree[node_name(array.lkh_id, array.key_handle)]
  for _, key in ipairs(under and array.lkh_keys or {}) do
    local name = under.cipher or cipher
    local block = ciphers[name].block
    local plain = G.decrypt(name, under.octets:sub(block + 1), under.octets:sub(1, block), key.key_data or "")
    if not plain or plain == "" then return nil end
    under = {octets = plain:sub(1, #under.octets), cipher = cipher}
    tree[node_name(key.lkh_id, key.key_handle)] = under
  end
  return under and #(array.lkh_keys or {}) > 0 and under.octets or nil
end

local function learn_packet(packet, spi, cipher, tree)
  for _, one in ipairs(packet.attributes or {}) do
    if packet.kd_type == numbers.kd_kek and one.type == numbers.kek_algorithm_key then
      add_kek(spi, one.octets, cipher)
    elseif packet.kd_type == numbers.kd_lkh and one.v and cipher then
      local follow = one.type == numbers.lkh_download_array and download or update
      local root = follow(one.v, tree, cipher)
      if root then add_kek(spi, root, cipher) end
    end
  end
end

-- KEKs in the key packets of a message. The SPI is that of the SA KEK beside them, or of that in the same
-- exchange: some peers name the old one in the key packet. A PUSH's tree is that of the KEK that opened it.
function G.learn_keks(header, payloads)
  local cookies = header.initiator .. header.responder
  local exchange = cookies .. G.word(header.message_id)
  local own = sa_kek_of(payloads)
  if own and not header.push then policies[exchange] = policies[exchange] or own end
  local sa_kek = own or not header.push and policies[exchange]
  local spi = sa_kek and sa_kek.spi
  local cipher = sa_kek and kek_cipher(sa_kek)
  for _, payload in ipairs(payloads) do
    for _, packet in ipairs(payload.class == "KeyDownload" and payload.v.key_packets or {}) do
      local named = spi or packet.spi
      if named and (packet.kd_type == numbers.kd_kek or packet.kd_type == numbers.kd_lkh) then
        learn_packet(packet, named, cipher, header.push and joined_tree(named, cookies) or tree_of(named))
      end
    end
  end
end
