-- IVs under an ISAKMP SA (RFC 2409, appendix B): of an exchange's first message a hash of phase 1's last block and
-- the message id, after that the last block of the message before. A file may lack that one, or hold altered copies
-- of it. So every block that the IV may be is tried, and the first counts that gives payloads: the first block of
-- the plaintext shows it, for no other block depends on the IV.

local numbers, number = G.constants.numbers, G.number
local bxor, word = G.bxor, G.word

-- Last blocks that a chain keeps of either sort: the longest exchange has four messages.
local ENDS = 8

-- Last blocks, the newest first: of messages that fit, and of others, which anybody can send and which push none of
-- the first out. `seen` has the IV of each ciphertext that fitted, `used` the IVs that one fitted with.
function G.new_chain() return {sound = {}, other = {}, seen = {}, used = {}} end

-- One more ciphertext has gone by; `iv` is nothing if none fitted.
function G.pass_on(chain, ciphertext, block, iv, sound)
  if chain.seen[ciphertext] then return end
  local list = sound and chain.sound or chain.other
  table.insert(list, 1, ciphertext:sub(-block))
  list[ENDS + 1] = nil
  if iv then chain.seen[ciphertext], chain.used[iv] = iv, true end
end

-- The IVs in the order in which they are tried. `derive` makes the IV of an exchange's first message from a block of
-- phase 1, `phase_1`, of which `first` is the IV.
function G.ivs(chain, ciphertext, phase_1, first, derive)
  local out = {chain.seen[ciphertext]}
  local function add(list, change)
    for _, one in ipairs(list) do out[#out + 1] = change and change(one) or one end
  end
  add(chain.sound)
  add(chain.other)
  if chain ~= phase_1 then
    add(phase_1 and phase_1.sound or {}, derive)
    add(phase_1 and phase_1.other or {}, derive)
    first = derive(first)
  end
  out[#out + 1] = first
  return out
end

-- What was decrypted with an IV of zeros, with another one.
function G.with_iv(zero_iv, iv)
  local parts = {}
  for at = 0, #iv - 4, 4 do parts[#parts + 1] = word(bxor(number(zero_iv, at, 4), number(iv, at, 4))) end
  return table.concat(parts) .. zero_iv:sub(#iv + 1)
end

-- Whether octets look like payloads, of which the first is of type `kind`, with at most `padding` octets behind them
-- (RFC 2409, appendix B has less than a block; some peers add a whole one). The second result is whether those are
-- as that appendix has them, zeros, or zeros and their count.
function G.plausible(kind, s, padding)
  local at, count = 0, 0
  while kind ~= 0 do
    if #s - at < 4 then return false end
    local length = number(s, at + 2, 2)
    if length < 4 or at + length > #s then return false end
    kind, at, count = number(s, at, 1), at + length, count + 1
  end
  if count == 0 or padding and #s - at > padding then return false end
  return true, not s:sub(at + 1, -2):find("[^%z]")
end

-- A message whose first block is lost ------------------------------------------------------------------

-- What may follow HASH, the likeliest first.
local FOLLOWING = G.constants.after_hash

local function kinds_of(payloads)
  local out = {}
  for i, payload in ipairs(payloads) do out[i] = string.char(payload.kind) end
  return table.concat(out)
end

local function is_pull(kinds)
  for _, shape in ipairs(G.constants.pull_shapes) do
    if kinds:find("^" .. shape .. "$") then return true end
  end
  return false
end

-- Whether payloads whose first link was guessed are what the exchange wants. Without SPIs, a Delete could not be
-- told from a Notification.
local function in_place(header, payloads)
  if header.group and header.exchange_type == numbers.exchange_pull then return is_pull(kinds_of(payloads)) end
  if not header.group and header.exchange_type == numbers.exchange_quick then
    return not payloads[2] or payloads[2].kind == numbers.payload_sa
  end
  for _, payload in ipairs(payloads) do
    if payload.kind == numbers.payload_delete and not table.concat(payload.v.spis or {}):find("[^%z]") then
      return false
    end
  end
  return true
end

-- The plaintext with a first block that is made up. All of that but the type of what follows HASH and the beginning
-- of the hash is known. The unknown octets are left zero. `read` gives the payloads of a plaintext, if it is sound;
-- HASH alone proves nothing, and counts if `proven`: if the key is known to be right.
function G.rebuilt(header, zero_iv, block, hash_size, read, proven)
  if #zero_iv < 2 * block or header.next_payload ~= numbers.payload_hash then return nil end
  local length = 4 + hash_size
  for _, following in ipairs(FOLLOWING) do
    local head = string.char(following, 0, math.floor(length / 256), length % 256)
    local plain = head .. string.rep("\0", block - 4) .. zero_iv:sub(block + 1)
    if (following ~= 0 or proven) and G.plausible(header.next_payload, plain, block) then
      local payloads = read(plain)
      if payloads and in_place(header, payloads) then return plain end
    end
  end
end
