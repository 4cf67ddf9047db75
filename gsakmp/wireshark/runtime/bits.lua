-- Bits of 32-bit words, by whatever this Lua has for them: its own operators from 5.3 on, a library before.
-- Results are from 0 to 2^32 - 1 throughout.

local compile = loadstring or load
local native = compile and compile([[
  local mask = 0xFFFFFFFF
  return {
    band = function(a, b) return a & b end,
    bor = function(a, b) return (a | b) & mask end,
    bxor = function(a, b) return (a ~ b) & mask end,
    bnot = function(a) return ~a & mask end,
    lshift = function(a, n) return (a << n) & mask end,
    rshift = function(a, n) return (a & mask) >> n end,
  }
]])

local function unsigned(f)
  return function(a, b) return f(a, b) % 4294967296 end
end

local bits
if native then
  bits = native()
elseif bit32 then
  bits = bit32
else
  local signed = bit or require("bit")
  bits = {}
  for _, name in ipairs({"band", "bor", "bxor", "bnot", "lshift", "rshift"}) do
    bits[name] = unsigned(signed[name])
  end
end

G.band, G.bor, G.bxor, G.bnot = bits.band, bits.bor, bits.bxor, bits.bnot
G.lshift, G.rshift = bits.lshift, bits.rshift

local bor, lshift, rshift = G.bor, G.lshift, G.rshift

function G.rol(a, n) return bor(lshift(a, n), rshift(a, 32 - n)) end
function G.ror(a, n) return bor(rshift(a, n), lshift(a, 32 - n)) end

-- An integer without a fraction: in Lua 5.3 and later a division gives a float, which prints as one.
G.floor = math.floor

-- The unsigned number in `size` octets of `s` from offset `at` (from 0). Exact up to 6 octets in every Lua.
function G.number(s, at, size)
  local value = 0
  for i = at + 1, at + size do value = value * 256 + s:byte(i) end
  return value
end

-- 32 bits as four octets, most or least significant first.
function G.word(value)
  return string.char(rshift(value, 24), rshift(value, 16) % 256, rshift(value, 8) % 256, value % 256)
end

function G.little_word(value)
  return string.char(value % 256, rshift(value, 8) % 256, rshift(value, 16) % 256, rshift(value, 24))
end

function G.hex(s)
  return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end))
end

-- The octets that hex digits stand for, or nothing.
function G.unhex(text)
  if #text % 2 ~= 0 or text:find("[^%x]") then return nil end
  return (text:gsub("%x%x", function(pair) return string.char(tonumber(pair, 16)) end))
end
