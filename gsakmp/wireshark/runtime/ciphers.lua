-- AES, DES and 3DES in CBC mode, decryption only. AES's tables are worked out, DES's are those of FIPS 46-3.

local bxor, lshift, rshift, ror = G.bxor, G.lshift, G.rshift, G.ror
local number, word = G.number, G.word

-- AES (FIPS 197) --------------------------------------------------------------------------------------

local function doubled(x)
  local y = x * 2
  return y > 255 and bxor(y, 0x11b) or y
end

local function times(a, b)
  local out = 0
  while b > 0 do
    if b % 2 == 1 then out = bxor(out, a) end
    a, b = doubled(a), math.floor(b / 2)
  end
  return out
end

local SBOX, INVERSE = {}, {}
do
  local powers, logs, x = {}, {}, 1
  for i = 0, 254 do
    powers[i], logs[x] = x, i
    x = bxor(x, doubled(x))
  end
  for i = 0, 255 do
    local inverse = i == 0 and 0 or powers[(255 - logs[i]) % 255]
    local sum, turned = inverse, inverse
    for _ = 1, 4 do
      turned = turned * 2 % 256 + math.floor(turned / 128)
      sum = bxor(sum, turned)
    end
    SBOX[i] = bxor(sum, 0x63)
    INVERSE[SBOX[i]] = i
  end
end

-- What InvSubBytes and InvMixColumns make of one octet of a column; and InvMixColumns alone.
local BACK, MIXED = {{}, {}, {}, {}}, {{}, {}, {}, {}}
for i = 0, 255 do
  local mixed = ((times(i, 14) * 256 + times(i, 9)) * 256 + times(i, 13)) * 256 + times(i, 11)
  for turn = 1, 4 do
    MIXED[turn][i] = turn == 1 and mixed or ror(mixed, 8 * (turn - 1))
  end
end
for i = 0, 255 do
  for turn = 1, 4 do BACK[turn][i] = MIXED[turn][INVERSE[i]] end
end

local function octets_of(x)
  return rshift(x, 24), rshift(x, 16) % 256, rshift(x, 8) % 256, x % 256
end

local function substituted(x)
  local a, b, c, d = octets_of(x)
  return ((SBOX[a] * 256 + SBOX[b]) * 256 + SBOX[c]) * 256 + SBOX[d]
end

-- Round keys for the equivalent inverse cipher, those of each round from the last to the first.
local function aes_keys(key)
  local size = #key / 4
  local rounds, w, constant = size + 6, {}, 1
  for i = 0, size - 1 do w[i] = number(key, 4 * i, 4) end
  for i = size, 4 * (rounds + 1) - 1 do
    local x = w[i - 1]
    if i % size == 0 then
      x = bxor(substituted(ror(x, 24)), constant * 16777216)
      constant = doubled(constant)
    elseif size > 6 and i % size == 4 then
      x = substituted(x)
    end
    w[i] = bxor(w[i - size], x)
  end
  for i = 4, 4 * rounds - 1 do
    local a, b, c, d = octets_of(w[i])
    w[i] = bxor(bxor(MIXED[1][a], MIXED[2][b]), bxor(MIXED[3][c], MIXED[4][d]))
  end
  return {w = w, rounds = rounds}
end

local function aes_block(keys, s, at)
  local w, x, k = keys.w, {}, 4 * keys.rounds
  for i = 0, 3 do x[i] = bxor(number(s, at + 4 * i, 4), w[k + i]) end
  for _ = 1, keys.rounds - 1 do
    local y = {}
    k = k - 4
    for i = 0, 3 do
      local a = BACK[1][rshift(x[i], 24)]
      local b = BACK[2][rshift(x[(i + 3) % 4], 16) % 256]
      local c = BACK[3][rshift(x[(i + 2) % 4], 8) % 256]
      local d = BACK[4][x[(i + 1) % 4] % 256]
      y[i] = bxor(bxor(bxor(a, b), bxor(c, d)), w[k + i])
    end
    x = y
  end
  local out = {}
  for i = 0, 3 do
    local a, b = INVERSE[rshift(x[i], 24)], INVERSE[rshift(x[(i + 3) % 4], 16) % 256]
    local c, d = INVERSE[rshift(x[(i + 2) % 4], 8) % 256], INVERSE[x[(i + 1) % 4] % 256]
    out[i + 1] = bxor(((a * 256 + b) * 256 + c) * 256 + d, w[i])
  end
  return out
end

-- DES (FIPS 46-3) -------------------------------------------------------------------------------------

local IP = {
  58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40,
  32, 24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63,
  55, 47, 39, 31, 23, 15, 7,
}
local PC1 = {
  57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
  63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
}
local PC2 = {
  14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55,
  30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
}
local P = {
  16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11,
  4, 25,
}
local TURNS = {1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1}
-- The S-boxes, row by row, a hex digit an entry.
local S = {
  "e4d12fb83a6c5907" .. "0f74e2d1a6cb9538" .. "41e8d62bfc973a50" .. "fc8249175b3ea06d",
  "f18e6b34972dc05a" .. "3d47f28ec01a69b5" .. "0e7ba4d158c6932f" .. "d8a13f42b67c05e9",
  "a09e63f51dc7b428" .. "d709346a285ecbf1" .. "d6498f30b12c5ae7" .. "1ad069874fe3b52c",
  "7de3069a1285bc4f" .. "d8b56f03472c1ae9" .. "a690cb7df13e5284" .. "3f06a1d8945bc72e",
  "2c417ab6853fd0e9" .. "eb2c47d150fa3986" .. "421bad78f9c5630e" .. "b8c71e2d6f09a453",
  "c1af92680d34e75b" .. "af427c9561de0b38" .. "9ef528c3704a1db6" .. "432c95fabe17608d",
  "4b2ef08d3c975a61" .. "d0b7491ae35c2f86" .. "14bdc37eaf680592" .. "6bd814a7950fe23c",
  "d2846fb1a93e50c7" .. "1fd8a374c56b0e92" .. "7b419ce206adf358" .. "21e74a8dfc90356b",
}

-- The bits of `list` in the order of `order`, as a number.
local function picked(list, order, first, last)
  local out = 0
  for i = first, last do out = out * 2 + list[order[i]] end
  return out
end

local function bits_of(s, at, octets)
  local out = {}
  for i = at + 1, at + octets do
    local octet = s:byte(i)
    for shift = 7, 0, -1 do out[#out + 1] = rshift(octet, shift) % 2 end
  end
  return out
end

local FP = {}
for i = 1, 64 do FP[IP[i]] = i end

-- S-box and permutation P in one table a box.
local SP = {}
for box = 1, 8 do
  SP[box] = {}
  for value = 0, 63 do
    local row, column = math.floor(value / 32) * 2 + value % 2, math.floor(value / 2) % 16
    local place = row * 16 + column + 1
    local nibble = lshift(tonumber(S[box]:sub(place, place), 16), 32 - 4 * box)
    local list = {}
    for i = 1, 32 do list[i] = rshift(nibble, 32 - i) % 2 end
    SP[box][value] = picked(list, P, 1, 32)
  end
end

-- Sixteen round keys, each as the six bits of every box.
local function des_keys(key, at)
  local bits, half, out = bits_of(key, at, 8), {}, {}
  for i = 1, 56 do half[i] = bits[PC1[i]] end
  for round = 1, 16 do
    local turned = {}
    for i = 0, 27 do
      turned[i + 1] = half[(i + TURNS[round]) % 28 + 1]
      turned[i + 29] = half[(i + TURNS[round]) % 28 + 29]
    end
    half, out[round] = turned, {}
    for box = 1, 8 do out[round][box] = picked(half, PC2, 6 * box - 5, 6 * box) end
  end
  return out
end

local function des_rounds(left, right, keys, backwards)
  for round = 1, 16 do
    local k, x, f = keys[backwards and 17 - round or round], ror(right, 1), 0
    for box = 1, 8 do
      f = bxor(f, SP[box][bxor(rshift(x, 26), k[box])])
      x = G.rol(x, 4)
    end
    left, right = right, bxor(left, f)
  end
  return right, left
end

local function des_block(schedules, s, at)
  local bits = bits_of(s, at, 8)
  local left, right = picked(bits, IP, 1, 32), picked(bits, IP, 33, 64)
  for i = #schedules, 1, -1 do  -- decrypt, encrypt, decrypt (RFC 2451, 2.3)
    left, right = des_rounds(left, right, schedules[i], i % 2 == 1)
  end
  local list = {}
  for i = 1, 32 do list[i], list[i + 32] = rshift(left, 32 - i) % 2, rshift(right, 32 - i) % 2 end
  return {picked(list, FP, 1, 32), picked(list, FP, 33, 64)}
end

local function des_schedules(key)
  local out = {}
  for at = 0, #key - 8, 8 do out[#out + 1] = des_keys(key, at) end
  return out
end

-- CBC -------------------------------------------------------------------------------------------------

-- By name: octets of a block, those that a key may have, what makes round keys, what decrypts a block.
local CIPHERS = {
  aes = {block = 16, keys = {[16] = true, [24] = true, [32] = true}, schedule = aes_keys, one = aes_block},
  des = {block = 8, keys = {[8] = true}, schedule = des_schedules, one = des_block},
  ["3des"] = {block = 8, keys = {[24] = true}, schedule = des_schedules, one = des_block},
}
G.ciphers = CIPHERS

-- The plaintext, padding and all; nothing where key, IV or ciphertext have not the right sizes.
function G.decrypt(name, key, iv, ciphertext)
  local cipher = CIPHERS[name]
  if not cipher or not cipher.keys[#key] or #iv ~= cipher.block or #ciphertext % cipher.block ~= 0 then
    return nil
  end
  local schedule, out, words = cipher.schedule(key), {}, cipher.block / 4
  local before = {}
  for i = 1, words do before[i] = number(iv, 4 * i - 4, 4) end
  for at = 0, #ciphertext - 1, cipher.block do
    local plain = cipher.one(schedule, ciphertext, at)
    for i = 1, words do
      out[#out + 1] = word(bxor(plain[i], before[i]))
      before[i] = number(ciphertext, at + 4 * i - 4, 4)
    end
  end
  return table.concat(out)
end
