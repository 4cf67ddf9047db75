-- MD5 (RFC 1321), SHA-1 (RFC 3174), SHA-256, SHA-384 and SHA-512 (RFC 6234), and HMAC (RFC 2104).
-- IVs need them (RFC 2409, appendix B). Constants of SHA-2 are generated, see G.constants.hashes.

local band, bor, bxor, bnot = G.band, G.bor, G.bxor, G.bnot
local rshift, rol, ror, number = G.rshift, G.rol, G.ror, G.number
local word, little_word = G.word, G.little_word
local TWO32 = 4294967296

-- The message with its padding: 0x80, zeros, its length in bits. `block` is 64 or 128 octets.
local function padded(s, block, length)
  local room = block == 128 and 16 or 8
  return s .. "\128" .. string.rep("\0", (-(#s + 1 + room)) % block + room - 8) .. length
end

local function big_length(s) return word(math.floor(#s * 8 / TWO32)) .. word(#s * 8 % TWO32) end
local function little_length(s) return little_word(#s * 8 % TWO32) .. little_word(math.floor(#s * 8 / TWO32)) end

local function joined(words, convert)
  local out = {}
  for i = 1, #words do out[i] = convert(words[i]) end
  return table.concat(out)
end

-- MD5 -------------------------------------------------------------------------------------------------

local MD5_SHIFTS = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}}
local MD5_K = {}
for i = 1, 64 do MD5_K[i] = math.floor(math.abs(math.sin(i)) * TWO32) end

local function md5_mixed(round, b, c, d)
  if round == 1 then return bor(band(b, c), band(bnot(b), d)) end
  if round == 2 then return bor(band(b, d), band(c, bnot(d))) end
  if round == 3 then return bxor(bxor(b, c), d) end
  return bxor(c, bor(b, bnot(d)))
end

local MD5_STEP, MD5_START = {1, 5, 3, 7}, {0, 1, 5, 0}

local function md5(message)
  local h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}
  local s = padded(message, 64, little_length(message))
  for at = 0, #s - 1, 64 do
    local x = {}
    for i = 0, 15 do
      local p, q, r, t = s:byte(at + 4 * i + 1, at + 4 * i + 4)
      x[i] = p + 256 * q + 65536 * r + 16777216 * t
    end
    local a, b, c, d = h[1], h[2], h[3], h[4]
    for i = 0, 63 do
      local round = math.floor(i / 16) + 1
      local from = (MD5_START[round] + i * MD5_STEP[round]) % 16
      local sum = (a + md5_mixed(round, b, c, d) + x[from] + MD5_K[i + 1]) % TWO32
      a, d, c, b = d, c, b, (b + rol(sum, MD5_SHIFTS[round][i % 4 + 1])) % TWO32
    end
    h[1], h[2], h[3], h[4] = (h[1] + a) % TWO32, (h[2] + b) % TWO32, (h[3] + c) % TWO32, (h[4] + d) % TWO32
  end
  return joined(h, little_word)
end

-- SHA-1 -----------------------------------------------------------------------------------------------

local function sha1(message)
  local h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
  local s = padded(message, 64, big_length(message))
  for at = 0, #s - 1, 64 do
    local w = {}
    for i = 0, 15 do w[i] = number(s, at + 4 * i, 4) end
    for i = 16, 79 do w[i] = rol(bxor(bxor(w[i - 3], w[i - 8]), bxor(w[i - 14], w[i - 16])), 1) end
    local a, b, c, d, e = h[1], h[2], h[3], h[4], h[5]
    for i = 0, 79 do
      local f, k
      if i < 20 then f, k = bor(band(b, c), band(bnot(b), d)), 0x5a827999
      elseif i < 40 then f, k = bxor(bxor(b, c), d), 0x6ed9eba1
      elseif i < 60 then f, k = bor(bor(band(b, c), band(b, d)), band(c, d)), 0x8f1bbcdc
      else f, k = bxor(bxor(b, c), d), 0xca62c1d6 end
      a, b, c, d, e = (rol(a, 5) + f + e + k + w[i]) % TWO32, a, rol(b, 30), c, d
    end
    local new = {a, b, c, d, e}
    for i = 1, 5 do h[i] = (h[i] + new[i]) % TWO32 end
  end
  return joined(h, word)
end

-- SHA-256: its constants are the first halves of SHA-512's --------------------------------------------

local K = G.constants.hashes.sha2_k

local function sha256(message)
  local h = {}
  for i = 1, 8 do h[i] = G.constants.hashes.sha512_h[i][1] end
  local s = padded(message, 64, big_length(message))
  for at = 0, #s - 1, 64 do
    local w = {}
    for i = 0, 15 do w[i] = number(s, at + 4 * i, 4) end
    for i = 16, 63 do
      local p, q = w[i - 15], w[i - 2]
      local s0 = bxor(bxor(ror(p, 7), ror(p, 18)), rshift(p, 3))
      local s1 = bxor(bxor(ror(q, 17), ror(q, 19)), rshift(q, 10))
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) % TWO32
    end
    local a, b, c, d, e, f, g, z = h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8]
    for i = 0, 63 do
      local s1 = bxor(bxor(ror(e, 6), ror(e, 11)), ror(e, 25))
      local first = (z + s1 + bxor(band(e, f), band(bnot(e), g)) + K[i + 1][1] + w[i]) % TWO32
      local s0 = bxor(bxor(ror(a, 2), ror(a, 13)), ror(a, 22))
      local second = s0 + bxor(bxor(band(a, b), band(a, c)), band(b, c))
      a, b, c, d, e, f, g, z = (first + second) % TWO32, a, b, c, (d + first) % TWO32, e, f, g
    end
    local new = {a, b, c, d, e, f, g, z}
    for i = 1, 8 do h[i] = (h[i] + new[i]) % TWO32 end
  end
  return joined(h, word)
end

-- SHA-384 and SHA-512: numbers of 64 bits are two of 32, {high, low} ----------------------------------

local function add64(...)
  local high, low = 0, 0
  for i = 1, select("#", ...) do
    local x = select(i, ...)
    high, low = high + x[1], low + x[2]
  end
  return {(high + math.floor(low / TWO32)) % TWO32, low % TWO32}
end

local function rotated(x, n)
  local high, low = x[1], x[2]
  if n >= 32 then high, low, n = low, high, n - 32 end
  return bor(rshift(high, n), G.lshift(low, 32 - n)), bor(rshift(low, n), G.lshift(high, 32 - n))
end

-- The exclusive or of `x` turned right by `p`, by `q`, and by `r`, or shifted by `shift` instead.
local function sigma(x, p, q, r, shift)
  local h1, l1 = rotated(x, p)
  local h2, l2 = rotated(x, q)
  local h3, l3
  if shift then
    h3, l3 = rshift(x[1], shift), bor(rshift(x[2], shift), G.lshift(x[1], 32 - shift))
  else
    h3, l3 = rotated(x, r)
  end
  return {bxor(bxor(h1, h2), h3), bxor(bxor(l1, l2), l3)}
end

local function choice64(e, f, g)
  return {bxor(band(e[1], f[1]), band(bnot(e[1]), g[1])), bxor(band(e[2], f[2]), band(bnot(e[2]), g[2]))}
end

local function majority64(a, b, c)
  local out = {}
  for i = 1, 2 do out[i] = bxor(bxor(band(a[i], b[i]), band(a[i], c[i])), band(b[i], c[i])) end
  return out
end

local function sha512_from(start, message)
  local h = {}
  for i = 1, 8 do h[i] = start[i] end
  local s = padded(message, 128, big_length(message))
  for at = 0, #s - 1, 128 do
    local w = {}
    for i = 0, 15 do w[i] = {number(s, at + 8 * i, 4), number(s, at + 8 * i + 4, 4)} end
    for i = 16, 79 do
      w[i] = add64(w[i - 16], sigma(w[i - 15], 1, 8, 0, 7), w[i - 7], sigma(w[i - 2], 19, 61, 0, 6))
    end
    local a, b, c, d, e, f, g, z = h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8]
    for i = 0, 79 do
      local first = add64(z, sigma(e, 14, 18, 41), choice64(e, f, g), K[i + 1], w[i])
      local second = add64(sigma(a, 28, 34, 39), majority64(a, b, c))
      a, b, c, d, e, f, g, z = add64(first, second), a, b, c, add64(d, first), e, f, g
    end
    local new = {a, b, c, d, e, f, g, z}
    for i = 1, 8 do h[i] = add64(h[i], new[i]) end
  end
  return joined(h, function(x) return word(x[1]) .. word(x[2]) end)
end

local function sha512(message) return sha512_from(G.constants.hashes.sha512_h, message) end
local function sha384(message) return sha512_from(G.constants.hashes.sha384_h, message):sub(1, 48) end

G.hashes = {md5 = md5, sha1 = sha1, sha256 = sha256, sha384 = sha384, sha512 = sha512}

-- HMAC ------------------------------------------------------------------------------------------------

local function masked(key, octet)
  return (key:gsub(".", function(c) return string.char(bxor(c:byte(), octet)) end))
end

function G.hmac(name, key, message)
  local hash, block = G.hashes[name], (name == "sha384" or name == "sha512") and 128 or 64
  if #key > block then key = hash(key) end
  key = key .. string.rep("\0", block - #key)
  return hash(masked(key, 0x5c) .. hash(masked(key, 0x36) .. message))
end
