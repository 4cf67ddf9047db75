-- In which dialect a group's peers speak. No octet says it. Where the preference is "automatic", a decrypted
-- message is read on trial in each of the dialects that the library tries, and that one counts in which it can be
-- read and its policy makes the most sense. A Rekey SA keeps the dialect in which it came, and passes it on to the
-- next. What comes in the clear is read as the standards say. All of this is done on the first pass, by frame.

local constants, numbers = G.constants, G.constants.numbers
local dialects, tried = {}, {}
for _, dialect in ipairs(constants.dialects) do dialects[dialect.name] = dialect end
for i, name in ipairs(constants.tried_dialects) do tried[i] = dialects[name] end
G.dialects = dialects

local of_frame, of_rekey_sa

function G.forget_dialects() of_frame, of_rekey_sa = {}, {} end

-- The dialect that the preference names; nothing if it is to be found out.
local function given() return dialects[G.options.dialect] end

-- A tree that takes everything and shows nothing.
local nowhere = {}
for _, name in ipairs({
  "add", "add_le", "add_proto_expert_info", "append_text", "set_generated", "set_len", "set_text",
}) do
  nowhere[name] = function() return nowhere end
end

-- The payloads of a plaintext, if it can be read in that dialect.
local function trial(dialect, rules, chain, kind, plain)
  local ctx = {s = plain, tvb = function() end, rules = rules, dialect = dialect}
  local items = G.guarded(ctx, nowhere, G.read_chain, ctx, chain, kind, nowhere, 0, #plain, 0)
  return not ctx.malformed and items or nil
end

-- Policy ----------------------------------------------------------------------------------------------

-- Whether the IPv4 address of a TEK's destination is a multicast address, as a reversed one is not.
local function to_multicast(tek, dialect)
  local data = tek.destination_id_data
  if tek.destination_id_type ~= numbers.id_ipv4 or #data ~= 4 then return false end
  local first = data:byte(dialect.tek_addresses_reversed and 4 or 1)
  return 224 <= first and first <= 239
end

-- How much sense one part of a policy makes: 1 if a member could take it, and 1 for a multicast address.
local function sense_of_part(part, dialect)
  if part.class == "SAKEK" then
    local found = G.attribute_numbers(part.v.attributes)
    return found[numbers.kek_algorithm] and found[numbers.sig_algorithm] and 1 or 0
  end
  local tek = part.class == "SATEK" and part.v.chosen
  if not tek or (tek.class ~= "ESPTEK" and tek.class ~= "AHTEK") then return 0 end
  local no_key = G.attribute_numbers(tek.v.attributes)[numbers.ipsec_key_length] == 0
  if no_key and not dialect.tek_may_lack_algorithm_key then return 0 end
  return to_multicast(tek.v, dialect) and 2 or 1
end

-- How much sense the policies of a message make; nothing if it has none.
local function sense(payloads, dialect)
  local sum
  for _, payload in ipairs(payloads) do
    if payload.class == "GroupSA" then
      sum = sum or 0
      for _, part in ipairs(payload.v.sa_attributes or {}) do sum = sum + sense_of_part(part, dialect) end
    end
  end
  return sum
end

-- The first of the dialects in which a plaintext makes the most sense; that of the standards if in none.
local function best(rules, chain, kind, plain)
  local found, most
  for _, dialect in ipairs(tried) do
    local payloads = trial(dialect, rules, chain, kind, plain)
    local sum = payloads and sense(payloads, dialect)
    if payloads and not sum then return found or dialect end
    if payloads and (not most or sum > most) then found, most = dialect, sum end
  end
  return found or dialects.standard
end

-- What others ask -------------------------------------------------------------------------------------

-- The payloads of a plaintext in the first dialect in which it can be read, or nothing.
function G.readable(rules, chain, kind, plain)
  local one = given()
  for _, dialect in ipairs(one and {one} or tried) do
    local payloads = trial(dialect, rules, chain, kind, plain)
    if payloads then return payloads end
  end
end

-- The dialect of what is not encrypted.
function G.plain_dialect() return given() or dialects.standard end

-- The dialect of a plaintext, whose first payload is of type `kind`.
function G.dialect_of(frame, visited, header, rules, chain, plain)
  local key = frame .. ":" .. header.at
  if not of_frame[key] and not visited then
    local known = given() or header.push and of_rekey_sa[header.initiator .. header.responder]
    of_frame[key] = known or header.group and best(rules, chain, header.next_payload, plain)
  end
  return of_frame[key] or G.plain_dialect()
end

-- The Rekey SAs that a sound message was sent under, or brings, have the dialect in which its policy was read.
function G.keep_dialect(header, payloads, dialect)
  for _, payload in ipairs(header.group and payloads or {}) do
    if payload.class == "GroupSA" then
      local spis = header.push and {header.initiator .. header.responder} or {}
      for _, part in ipairs(payload.v.sa_attributes or {}) do
        if part.class == "SAKEK" then spis[#spis + 1] = part.v.spi end
      end
      for _, spi in ipairs(spis) do of_rekey_sa[spi] = of_rekey_sa[spi] or dialect end
    end
  end
end
