-- Decryption under ISAKMP SAs: phase 1 from the first encrypted message on, and the exchanges under it (RFC 2409,
-- appendix B).
--
-- Wireshark first goes through a file from beginning to end, and later comes back to single frames in any order.
-- IVs chain and KEKs are learnt, so all the work is done on the first pass, and what came out is kept by frame.

local numbers, ciphers, hashes = G.constants.numbers, G.ciphers, G.hashes
local number = G.number

local state  -- of one file
G.key_problem = nil

function G.forget()
  state = {sas = {}, first_keys = {}, opened = {}, group_cookies = {}}
  G.forget_keks()
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

-- A public value of Diffie-Hellman, {octets, source}: the first counts, and the first from elsewhere. Where the
-- addresses don't tell, the first that is another counts.
local function add_public(list, public)
  local one, other = list[1], list[2]
  if not one then
    list[1] = public
  elseif public.octets ~= one.octets then
    local better = other and other.source == one.source and public.source ~= one.source
    if not other or better then list[2] = public end
  end
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

-- Exchange types of phase 1, and the name of its chain of IVs; those of others are message ids.
local PHASE_1_CHAIN = "phase 1"
local PHASE_1 = {
  [numbers.exchange_base] = true, [numbers.exchange_main] = true, [numbers.exchange_aggressive] = true,
}

-- What a message in the clear says about its ISAKMP SA.
local function note_phase_1(header, payloads, source)
  local answered = header.responder ~= string.rep("\0", 8)
  local sa = answered and sa_of(header.initiator .. header.responder)
  if sa and #sa.publics == 0 and state.first_keys[header.initiator] then
    add_public(sa.publics, state.first_keys[header.initiator])
  end
  for _, payload in ipairs(payloads) do
    if payload.class == "KeyExchange" then
      local public = {octets = payload.v.key_exchange_data, source = source}
      if sa then
        add_public(sa.publics, public)
      else
        state.first_keys[header.initiator] = state.first_keys[header.initiator] or public
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

local function chain_of(sa, name)
  sa.chains[name] = sa.chains[name] or G.new_chain()
  return sa.chains[name]
end

-- A chain's IVs for a ciphertext (RFC 2409, appendix B).
local function ivs_of(sa, header, chain, ciphertext, block)
  local hash = hashes[sa.hash]
  local function derive(last) return hash(last .. G.word(header.message_id)):sub(1, block) end
  local first = hash(sa.publics[1].octets .. sa.publics[2].octets):sub(1, block)
  return G.ivs(chain, ciphertext, sa.chains[PHASE_1_CHAIN], first, derive)
end

-- The plaintext with the first of the IVs that gives payloads, that IV, and whether its padding is in order.
local function fitting(header, zero_iv, ivs, block, hash_size)
  for _, iv in ipairs(ivs) do
    local plain = G.with_iv(zero_iv, iv)
    local hash_fits = header.next_payload ~= numbers.payload_hash or G.number(plain, 2, 2) == 4 + hash_size
    local fits, tidy = G.plausible(header.next_payload, plain, block)
    if fits and hash_fits then return plain, iv, tidy end
  end
end

local WITH_SA_KEY = "the ISAKMP SA's encryption key"

-- What opens a message under an ISAKMP SA: a plaintext, and what to say of it.
local function opened_under(sa, header, ciphertext, zero_iv, read)
  local phase_1, block = PHASE_1[header.exchange_type], ciphers[sa.cipher].block
  local chain, hash_size = chain_of(sa, phase_1 and PHASE_1_CHAIN or header.message_id), #hashes[sa.hash]("")
  local ivs = ivs_of(sa, header, chain, ciphertext, block)
  local plain, iv, tidy = fitting(header, zero_iv, ivs, block, hash_size)
  -- A second message with the same IV, or padding out of order, may be an altered copy: its end is tried last.
  G.pass_on(chain, ciphertext, block, iv, plain and tidy and not chain.used[iv])
  if plain then
    sa.proven = true
    return {plain = plain, said = WITH_SA_KEY}
  end
  plain = not phase_1 and G.rebuilt(header, zero_iv, block, hash_size, read, sa.proven)
  if plain then
    local problem = "the IV of the first block was in a frame that is not there: octets 5 to " .. block
      .. " of the plaintext are made up"
    return {plain = plain, said = WITH_SA_KEY .. ", all but the first block", kind = "partly", problem = problem}
  end
  return {plain = G.with_iv(zero_iv, ivs[1]), said = WITH_SA_KEY}
end

-- A message under an ISAKMP SA: its plaintext and what opened it, or what is wrong. `read` gives the payloads of a
-- plaintext, if it is sound.
local function under_isakmp_sa(header, ciphertext, read)
  local sa = state.sas[header.initiator .. header.responder]
  if not sa or not sa.cipher or #sa.publics < 2 then
    return {kind = "encrypted", problem = "phase 1 is not in the capture"}
  end
  if not sa.hash then return {kind = "encrypted", problem = "a hash that the dissector lacks"} end
  local key = phase_1_key(sa)
  if not key then return {kind = "encrypted", problem = "no key for these cookies"} end
  local block = ciphers[sa.cipher].block
  if #ciphertext % block ~= 0 then
    return {kind = "keys", problem = "the ciphertext does not fill its blocks"}
  end
  local zero_iv = G.decrypt(sa.cipher, key, string.rep("\0", block), ciphertext)
  if not zero_iv then return {kind = "keys", problem = "the key has not the size of the cipher's"} end
  return opened_under(sa, header, ciphertext, zero_iv, read)
end

-- What others ask -------------------------------------------------------------------------------------

-- What opens a message: its `plain` octets and what is `said` to have opened it, or neither; and a `problem`, if
-- there is one, with the `kind` of note that it is worth. `frame` tells messages apart when Wireshark comes back to
-- one. `read` gives the payloads of a plaintext, if it is sound.
function G.open(frame, visited, header, ciphertext, read)
  local key = frame .. ":" .. header.at
  local known = state.opened[key]
  if not known and not visited then
    known = header.push and G.under_kek(header, ciphertext) or under_isakmp_sa(header, ciphertext, read)
    state.opened[key] = known
  end
  return known or {kind = "encrypted", problem = "not decrypted when the file was read"}
end

-- What a message tells about keys; called once for each, in the order of the file. `source` is where it came from.
function G.learn(header, payloads, source)
  if PHASE_1[header.exchange_type] then note_phase_1(header, payloads, source) end
  if header.group then G.learn_keks(header, payloads) end
end

-- Whether an ISAKMP SA's phase 1 named GDOI: on ports that mean another domain.
function G.is_group(initiator) return state.group_cookies[initiator] == true end
