-- Decryption: phase 1 from the first encrypted message on and the exchanges under it (RFC 2409, appendix B),
-- GROUPKEY-PUSH under its KEK (RFC 6407, 4). KEKs are learnt from what was decrypted: Key Downloads of PULL and
-- PUSH, LKH arrays followed along each path.
--
-- Wireshark first goes through a file from beginning to end, and later comes back to single frames in any order.
-- IVs chain, so all the work is done on the first pass, and what came out is kept by frame.

local numbers, ciphers, hashes = G.constants.numbers, G.ciphers, G.hashes
local number = G.number

local state  -- of one file
G.key_problem = nil

function G.forget()
  state = {sas = {}, first_keys = {}, keks = {}, trees = {}, exchanges = {}, opened = {}, group_cookies = {}}
  G.forget_dialects()
  G.keys, G.key_problem = G.read_keys(G.proto.prefs)
end

-- ISAKMP SAs ------------------------------------------------------------------------------------------

local function sa_of(cookies)
  local sa = state.sas[cookies]
  if not sa then
    sa = {cookies = cookies, publics = {}, chains = {}}
    state.sas[cookies] = sa
  end
  return sa
end

local function add_public(list, octets)
  if list[1] ~= octets and list[2] ~= octets and #list < 2 then list[#list + 1] = octets end
end

local function attribute_numbers(attributes)
  local out = {}
  for _, one in ipairs(attributes or {}) do
    if #one.octets <= 4 then out[one.type] = number(one.octets, 0, #one.octets) end
  end
  return out
end
G.attribute_numbers = attribute_numbers

-- What an SA payload with one proposal of one transform agrees on.
local function note_suite(sa, payload)
  local proposal = payload.v.proposals and payload.v.proposals[1]
  local transform = proposal and proposal.v.transforms and proposal.v.transforms[1]
  local found = attribute_numbers(transform and transform.v.attributes)
  sa.cipher = numbers.ike_ciphers[found[numbers.ike_encryption] or 0]
  sa.hash = numbers.ike_hashes[found[numbers.ike_hash] or 0]
  sa.key_bits = found[numbers.ike_key_length]
end

local PHASE_1 = {
  [numbers.exchange_base] = true, [numbers.exchange_main] = true, [numbers.exchange_aggressive] = true,
}

-- What a message in the clear says about its ISAKMP SA.
local function note_phase_1(header, payloads)
  local answered = header.responder ~= string.rep("\0", 8)
  local sa = answered and sa_of(header.initiator .. header.responder)
  if sa and #sa.publics == 0 and state.first_keys[header.initiator] then
    add_public(sa.publics, state.first_keys[header.initiator])
  end
  for _, payload in ipairs(payloads) do
    if payload.class == "KeyExchange" then
      if sa then
        add_public(sa.publics, payload.v.key_exchange_data)
      else
        state.first_keys[header.initiator] = payload.v.key_exchange_data
      end
    elseif payload.class == "SA" and sa and not sa.cipher then
      note_suite(sa, payload)
    end
    if payload.kind == numbers.payload_sa and payload.v.doi == numbers.doi_gdoi then
      state.group_cookies[header.initiator] = true
    end
  end
end

-- The cipher's key out of SKEYID_e, expanded if it is too short (RFC 2409, appendix B).
local function stretched(hash, skeyid_e, size)
  if #skeyid_e >= size and size > 0 then return skeyid_e:sub(1, size) end
  local block = G.hmac(hash, skeyid_e, "\0")
  local out = block
  while #out < size do
    block = G.hmac(hash, skeyid_e, block)
    out = out .. block
  end
  return out:sub(1, size)
end

local KEY_SIZES = {des = 8, ["3des"] = 24}

local function phase_1_key(sa)
  local initiator, given = sa.cookies:sub(1, 8), G.keys
  local key = given.encryption_key[sa.cookies] or given.encryption_key[initiator]
  if key then return key end
  local skeyid_e = given.skeyid_e[sa.cookies] or given.skeyid_e[initiator]
  if skeyid_e then return stretched(sa.hash, skeyid_e, KEY_SIZES[sa.cipher] or (sa.key_bits or 128) / 8) end
end

-- A chain of IVs: `iv` is for the next ciphertext that was not seen yet, `seen` has the IV of each that was.
local function iv_of(chain, ciphertext, block)
  local iv = chain.seen[ciphertext]
  if not iv then
    iv = chain.iv
    chain.seen[ciphertext] = iv
    chain.iv = ciphertext:sub(-block)
  end
  return iv
end

local function chain_of(sa, message_id, block)
  local chain = sa.chains[message_id]
  if not chain then
    local iv
    if message_id == 0 then
      iv = hashes[sa.hash](sa.publics[1] .. sa.publics[2])
    else
      local first = sa.chains[0]
      local last = first and first.iv or hashes[sa.hash](sa.publics[1] .. sa.publics[2]):sub(1, block)
      iv = hashes[sa.hash](last .. G.word(message_id))
    end
    chain = {iv = iv:sub(1, block), seen = {}}
    sa.chains[message_id] = chain
  end
  return chain
end

-- The plaintext of a message under an ISAKMP SA, or nothing and the reason.
local function under_isakmp_sa(header, ciphertext)
  local sa = state.sas[header.initiator .. header.responder]
  if not sa or not sa.cipher or #sa.publics < 2 then return nil, "phase 1 is not in the capture", "encrypted" end
  if not sa.hash then return nil, "a hash that the dissector lacks", "encrypted" end
  local key = phase_1_key(sa)
  if not key then return nil, "no key for these cookies", "encrypted" end
  local block = ciphers[sa.cipher].block
  if #ciphertext % block ~= 0 then return nil, "the ciphertext does not fill its blocks", "keys" end
  local iv = iv_of(chain_of(sa, header.message_id, block), ciphertext, block)
  local plain = G.decrypt(sa.cipher, key, iv, ciphertext)
  if not plain then return nil, "the key has not the size of the cipher's", "keys" end
  return plain, "the ISAKMP SA's encryption key"
end

-- KEKs ------------------------------------------------------------------------------------------------

-- Whether octets look like payloads, of which the first is of type `kind`.
local function plausible(kind, s)
  local at, count = 0, 0
  while kind ~= 0 do
    if #s - at < 4 then return false end
    local length = number(s, at + 2, 2)
    if length < 4 or at + length > #s then return false end
    kind, at, count = number(s, at, 1), at + length, count + 1
  end
  return count > 0
end

-- What IV and key of that many octets may be for.
local SUITES = {[16] = {"des"}, [32] = {"aes", "3des"}, [40] = {"aes"}, [48] = {"aes"}}

-- The plaintext under a KEK, and whether it looks like one; the more of what its octets may be is taken.
local function with_kek(kek, kind, ciphertext)
  local found
  for _, name in ipairs(kek.cipher and {kek.cipher} or SUITES[#kek.octets] or {}) do
    local block = ciphers[name].block
    local plain = G.decrypt(name, kek.octets:sub(block + 1), kek.octets:sub(1, block), ciphertext)
    if plain and plausible(kind, plain) then
      kek.cipher = name
      return plain, true
    end
    found = found or plain
  end
  return found, false
end

local function under_kek(header, ciphertext)
  local spi = header.initiator .. header.responder
  local choices, fallback = {}, nil
  for _, kek in ipairs(state.keks[spi] or {}) do choices[#choices + 1] = {kek, "a KEK learnt from the capture"} end
  local given = G.keys.kek[spi]
  if given then choices[#choices + 1] = {{octets = given}, "the KEK of this SPI"} end
  for _, choice in ipairs(choices) do
    local plain, sound = with_kek(choice[1], header.next_payload, ciphertext)
    if sound then return plain, choice[2] end
    if plain and not fallback then fallback = {plain, choice[2]} end
  end
  if fallback then return fallback[1], fallback[2] end
  if #choices > 0 then return nil, "no KEK of this SPI has the sizes that the ciphertext needs", "keys" end
  return nil, "no KEK of this SPI is known", "encrypted"
end

-- The plaintext of a message and what opened it; or nothing, the reason, and the sort of note that it is worth.
-- `frame` tells messages apart when Wireshark comes back to one.
function G.open(frame, visited, header, ciphertext)
  local key = frame .. ":" .. header.at
  local known = state.opened[key]
  if not known and not visited then
    local open = header.push and under_kek or under_isakmp_sa
    known = {open(header, ciphertext)}
    state.opened[key] = known
  end
  if not known then return nil, "not decrypted when the file was read", "encrypted" end
  return known[1], known[2], known[3]
end

-- Learning --------------------------------------------------------------------------------------------

local function add_kek(spi, octets, cipher)
  if #spi ~= 16 then return end
  local list = state.keks[spi] or {}
  state.keks[spi] = list
  for _, known in ipairs(list) do
    if known.octets == octets then return end
  end
  table.insert(list, 1, {octets = octets, cipher = cipher})  -- the newest is the likeliest
end

local function kek_cipher(sa_kek)
  return numbers.kek_ciphers[attribute_numbers(sa_kek.attributes)[numbers.kek_algorithm] or 0]
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

-- Nodes of an LKH tree that members hold: {cipher, octets} by node and handle. `group` is a Rekey SA's SPI.
local function tree_of(spi)
  state.trees[spi] = state.trees[spi] or {}
  return state.trees[spi]
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
local function learn_keks(header, payloads)
  local exchange = header.initiator .. header.responder .. G.word(header.message_id)
  local own = sa_kek_of(payloads)
  if own and not header.push then state.exchanges[exchange] = own end
  local sa_kek = own or not header.push and state.exchanges[exchange]
  local spi = sa_kek and sa_kek.spi
  local cipher = sa_kek and kek_cipher(sa_kek)
  for _, payload in ipairs(payloads) do
    for _, packet in ipairs(payload.class == "KeyDownload" and payload.v.key_packets or {}) do
      local named = spi or packet.spi
      if named and (packet.kd_type == numbers.kd_kek or packet.kd_type == numbers.kd_lkh) then
        local tree = tree_of(named)
        if header.push then
          for name, key in pairs(tree_of(header.initiator .. header.responder)) do
            tree[name] = tree[name] or key
          end
        end
        learn_packet(packet, named, cipher, tree)
      end
    end
  end
end

-- What a message tells about keys; called once for each, in the order of the file.
function G.learn(header, payloads)
  if PHASE_1[header.exchange_type] then note_phase_1(header, payloads) end
  if header.group then learn_keks(header, payloads) end
end

-- Whether an ISAKMP SA's phase 1 named GDOI: on ports that mean another domain.
function G.is_group(initiator) return state.group_cookies[initiator] == true end
