-- Octets into a tree, by the generated definitions. It reads as the library's strict parser reads: whatever
-- that refuses gets an expert note of the group Malformed here, and nothing else does.
--
-- G.elements holds the element classes: title, field of the container, members in order. A member has a name,
-- a `form` (one of the functions of `readers`), the numbers of its fields, and where it needs them `cond` (is it
-- there?) and `check` (what it must be), functions of the table `v` of values read so far. A domain's rules
-- hold chains (payload type to class), choices (number to value or class) and the names of attribute tables.
--
-- A context `ctx` holds the octets `s`, the `tvb` that ranges are taken from, the rules, the dialect, and
-- whether anything was `malformed`. Offsets count from 0; `stop` is where a field's surroundings end. Where a
-- choice is an element, its class and values are `v.chosen`.

local F, notes, number = G.F, G.notes, G.number
local limits, generic = G.constants.limits, G.generic
local readers = {}

-- Errors and notes ------------------------------------------------------------------------------------

local function fail(kind, text)
  error({ours = true, kind = kind, text = text})
end

local function note(ctx, item, kind, text)
  if G.malformed[kind] then ctx.malformed = true end
  item:add_proto_expert_info(notes[kind], text)
end
G.note = note

-- Run `f`; an error of ours becomes a note on `item`, and nothing is returned.
local function guarded(ctx, item, f, ...)
  local ok, first, second = pcall(f, ...)
  if ok then return first, second end
  if type(first) ~= "table" or not first.ours then error(first, 0) end
  note(ctx, item, first.kind, first.text)
end
G.guarded = guarded

local function need(at, stop, size, name)
  if stop - at < size then
    fail("truncated", name .. ": " .. size .. " octets needed, " .. math.max(stop - at, 0) .. " left")
  end
end

local function deeper(depth)
  if depth >= limits.nesting then fail("limit", "nested deeper than " .. limits.nesting .. " levels") end
  return depth + 1
end

local function too_many(count, bound)
  if count > limits[bound] then fail("limit", "more than " .. limits[bound] .. " " .. bound) end
end

local function is_zero(s) return not s:find("[^%z]") end

-- Single fields ---------------------------------------------------------------------------------------

local function add(ctx, tree, field, at, size)
  return tree:add(F[field], ctx.tvb(at, size))
end
G.add = add

local function octets(ctx, at, stop) return ctx.s:sub(at + 1, stop) end

-- Where a field of that size ends.
local function stop_of(ctx, m, v, at, stop)
  local size = m.size
  if size == nil then return stop end
  if type(size) == "function" then size = size(v) elseif type(size) == "string" then size = ctx.dialect[size] end
  if size < 0 or at + size > stop then
    fail("truncated", m.name .. ": " .. size .. " octets said, " .. (stop - at) .. " left")
  end
  return at + size
end

function readers.integer(ctx, m, v, tree, at, stop)
  need(at, stop, m.octets, m.name)
  local swap = m.swap and ctx.dialect[m.swap]
  local piece = octets(ctx, at, at + m.octets)
  local value = number(swap and piece:reverse() or piece, 0, m.octets)
  local own = ctx.override and ctx.override[m.name]
  local field, list = own and own.field or m.field, own and own.strings or m.strings
  local range = ctx.tvb(at, m.octets)
  local item = swap and tree:add_le(F[field], range) or tree:add(F[field], range)
  v[m.name] = value
  G.say_number(item, field, list, value)
  for _, bit in ipairs(m.bits or {}) do item:add(F[bit], range) end
  if m.reserved and value ~= 0 then note(ctx, item, "reserved", "not zero") end
  return at + m.octets, item
end

function readers.bits(ctx, m, v, tree, at, stop)
  need(at, stop, m.octets, m.name)
  local word = number(ctx.s, at, m.octets)
  v[m.name] = math.floor(word / 2 ^ m.shift) % 2 ^ m.width
  local item = add(ctx, tree, m.field, at, m.octets)
  return m.shift == 0 and at + m.octets or at, item
end

-- A dotted object identifier, or nothing.
local function oid_text(der)
  if #der < 3 or der:byte(1) ~= 6 or der:byte(2) ~= #der - 2 or der:byte(#der) > 127 then return nil end
  local out, value = {}, 0
  for i = 3, #der do
    value = value * 128 + der:byte(i) % 128
    if der:byte(i) < 128 then
      if #out == 0 then
        local first = math.min(math.floor(value / 40), 2)
        out[1], value = string.format("%.0f", first), value - 40 * first
      end
      out[#out + 1] = string.format("%.0f", value)
      value = 0
    end
  end
  return table.concat(out, ".")
end

local function printable(s) return #s > 0 and not s:find("[^\32-\126]") end

-- What is known of a vendor ID, or nothing.
local function vendor_text(id)
  local known = G.vendors.digests[G.hex(id:sub(1, 16))]
  if known then return known end
  for start, name in pairs(G.vendors.starts) do
    if G.hex(id:sub(1, #start / 2)) == start then return name end
  end
  return printable(id) and id or nil
end

local READINGS = {oid = oid_text, vendor_id = vendor_text}

function readers.octets(ctx, m, v, tree, at, stop)
  stop = stop_of(ctx, m, v, at, stop)
  local value = octets(ctx, at, stop)
  v[m.name] = value
  if m.reserved and value == "" then return stop end
  local item = add(ctx, tree, m.field, at, stop - at)
  local reading = READINGS[m.name] and READINGS[m.name](value)
  if reading then item:append_text(" (" .. reading .. ")") end
  if m.reserved and not is_zero(value) then note(ctx, item, "reserved", "not zero") end
  return stop, item
end

-- A value of a sort that Wireshark can show; octets where it is none.
local function read_value(ctx, spec, fields, tree, at, stop, swap)
  local size, sort = stop - at, spec.sort
  local version, pair = sort:match("^(ipv[46])_?(%a*)$")
  local width = version == "ipv4" and 4 or 16
  local range = ctx.tvb(at, size)
  local function put(to, field, piece)
    if swap and version == "ipv4" then return to:add_le(F[field], piece) end
    return to:add(F[field], piece)
  end
  if version and pair == "" and size == width then return put(tree, fields.field, range) end
  if version and pair ~= "" and size == 2 * width then
    local item = tree:add(F[fields.field], range)
    put(item, fields.halves[1], ctx.tvb(at, width))
    put(item, fields.halves[2], ctx.tvb(at + width, width))
    return item
  end
  if sort == "number" and size == 4 then return tree:add(F[fields.field], range) end
  if sort == "text" and printable(octets(ctx, at, stop)) then return tree:add(F[fields.field], range) end
  local item = tree:add(F[fields.octets], range)
  if spec.sizes and not spec.sizes[size] then
    note(ctx, item, "length", size .. " octets are no " .. sort:gsub("_", " "))
  end
  return item
end

function readers.value(ctx, m, v, tree, at, stop)
  stop = stop_of(ctx, m, v, at, stop)
  v[m.name] = octets(ctx, at, stop)
  return stop, read_value(ctx, m.value, m.value, tree, at, stop, false)
end

-- Elements --------------------------------------------------------------------------------------------

local read_element

local function check(ctx, m, v, whole, item)
  local found = m.check(v, whole)
  if v[m.name] ~= found then
    note(ctx, item, "length", m.name .. " says " .. v[m.name] .. ", the octets hold " .. found)
  end
end

-- The fields of an element, whose container is `tree`. `open_end`: they say themselves where they end.
function read_element(ctx, name, tree, at, stop, depth, open_end)
  local v, start, checks = {}, at, {}
  for _, m in ipairs(G.elements[name].members) do
    if not m.cond or m.cond(v) then
      local item
      at, item = readers[m.form](ctx, m, v, tree, at, stop, depth)
      if m.check then checks[#checks + 1] = {m, item or tree} end
    end
  end
  for _, pair in ipairs(checks) do check(ctx, pair[1], v, at - start, pair[2]) end
  if at < stop and not open_end then
    local item = add(ctx, tree, generic.left_over, at, stop - at)
    note(ctx, item, "trailing", (stop - at) .. " octets left over")
  end
  return v, at
end
G.read_element = read_element

-- An element with a container of its own.
local function nested(ctx, name, tree, at, stop, depth)
  local item = add(ctx, tree, G.elements[name].field, at, stop - at)
  return guarded(ctx, item, read_element, ctx, name, item, at, stop, depth) or {}
end

function readers.inline(ctx, m, v, tree, at, stop, depth)
  local item = add(ctx, tree, G.elements[m.of].field, at, stop - at)
  v[m.name], stop = read_element(ctx, m.of, item, at, stop, depth, true)
  item:set_len(stop - at)
  return stop, item
end

function readers.choice(ctx, m, v, tree, at, stop, depth)
  stop = stop_of(ctx, m, v, at, stop)
  v[m.name] = octets(ctx, at, stop)
  local entry = (ctx.rules.choices[m.table] or {})[v[m.key]]
  if not entry then return stop, add(ctx, tree, m.field, at, stop - at) end
  if entry.of then
    v.chosen = {class = entry.of, v = nested(ctx, entry.of, tree, at, stop, deeper(depth))}
    return stop
  end
  local swap = m.reversed and ctx.dialect[m.reversed]
  return stop, read_value(ctx, entry, m.values[entry.sort], tree, at, stop, swap)
end

function readers.array(ctx, m, v, tree, at, stop)
  local count, size, out = m.count(v), m.size(v), {}
  too_many(count, "elements")
  if at + count * size > stop then
    fail("truncated", m.name .. ": " .. count .. " of " .. size .. " octets said, " .. (stop - at) .. " left")
  end
  for i = 1, count do
    out[i] = octets(ctx, at, at + size)
    add(ctx, tree, m.field, at, size)
    at = at + size
  end
  v[m.name] = out
  return at
end

function readers.elements(ctx, m, v, tree, at, stop, depth)
  local out, head = {}, m.place + m.octets
  depth = deeper(depth)
  while at < stop do
    need(at, stop, head, m.name)
    local length = number(ctx.s, at + m.place, m.octets)
    if length < head then fail("length", m.name .. ": length " .. length .. ", at least " .. head) end
    if at + length > stop then
      fail("truncated", m.name .. ": " .. length .. " octets said, " .. (stop - at) .. " left")
    end
    out[#out + 1] = nested(ctx, m.of, tree, at, at + length, depth)
    at = at + length
    too_many(#out, "elements")
  end
  v[m.name] = out
  return at
end

function readers.shares(ctx, m, v, tree, at, stop, depth)
  local count, out = m.count(v), {}
  v[m.name] = out
  depth = deeper(depth)
  too_many(count, "elements")
  if count == 0 then return at end
  local share = math.floor((stop - at) / count)
  if share * count ~= stop - at then
    fail("length", m.name .. ": " .. (stop - at) .. " octets are no equal shares for " .. count)
  end
  for i = 1, count do
    out[i] = nested(ctx, m.of, tree, at, at + share, depth)
    at = at + share
  end
  return at
end

-- Attributes (RFC 2408, 3.3) --------------------------------------------------------------------------

-- The value of an attribute; its text, for the head of the attribute, is returned where it is short.
local function attribute_value(ctx, kind, tv, tree, at, stop, depth)
  local size = stop - at
  if not kind then
    if tv then
      add(ctx, tree, generic.attribute_number, at, size)
      return G.number_text(nil, number(ctx.s, at, size))
    end
    add(ctx, tree, generic.attribute_octets, at, size)
    return nil
  end
  if kind.content == "number" and size <= 8 then
    local value = number(ctx.s, at, size)
    local range = ctx.tvb(at, size)
    local item = size == 0 and tree:add(F[kind.field], range, UInt64(0)) or tree:add(F[kind.field], range)
    if size > 6 then return nil end
    local list = value <= 0xFFFF and kind.strings or nil
    if kind.strings and not G.name_of(list, value) then
      item:set_text(G.labels[kind.field] .. ": " .. G.number_text(list, value))
    end
    return G.number_text(list, value)
  end
  if kind.content ~= "number" and tv then
    add(ctx, tree, kind.number, at, size)
    return G.number_text(nil, number(ctx.s, at, size))
  end
  if kind.content == "value" then
    read_value(ctx, kind.value, kind.value, tree, at, stop, false)
  elseif kind.content == "element" then
    local v = nested(ctx, kind.of, tree, at, stop, depth)
    return nil, v
  else
    add(ctx, tree, kind.content == "octets" and kind.field or kind.octets, at, size)
  end
end

function readers.attributes(ctx, m, v, tree, at, stop, depth)
  local name = m.key and m.table .. ":" .. v[m.key] or m.table
  local kinds = G.attributes[ctx.rules.attributes[name] or ""]
  local held, out = kinds.holders[m.holder] or {}, {}
  depth = deeper(depth)
  while at < stop do
    need(at, stop, 4, "an attribute")
    local word, size = number(ctx.s, at, 2), number(ctx.s, at + 2, 2)
    local tv, kind_number = word >= 0x8000, word % 0x8000
    local start, last = tv and at + 2 or at + 4, tv and at + 4 or at + 4 + size
    local item = add(ctx, tree, generic.attribute, at, math.min(last, stop) - at)
    add(ctx, item, generic.attribute_format, at, 2)
    G.say_number(add(ctx, item, kinds.type, at, 2), kinds.type, kinds.strings, kind_number)
    if not tv then add(ctx, item, generic.attribute_length, at + 2, 2) end
    local label = G.name_of(kinds.strings, kind_number) or G.number_text(kinds.strings, kind_number)
    item:set_text(label)
    if last > stop then
      fail("truncated", label .. ": " .. size .. " octets of value, " .. (stop - start) .. " are left")
    end
    local text, inner = attribute_value(ctx, held[kind_number], tv, item, start, last, depth)
    if text then item:append_text(": " .. text) end
    out[#out + 1] = {type = kind_number, octets = octets(ctx, start, last), tv = tv, v = inner}
    at = last
    too_many(#out, "attributes")
  end
  v[m.name] = out
  return at
end

-- Chains (RFC 2408, 3.2) ------------------------------------------------------------------------------

local function class_of(ctx, entry, at, stop)
  if type(entry) ~= "table" then return entry end
  need(at, stop, entry.octets, "the domain of interpretation")
  return entry.cases[number(ctx.s, at, entry.octets)] or entry.other
end

local function read_body(ctx, entry, item, at, stop, depth)
  local name = class_of(ctx, entry, at, stop)
  return {class = name, v = read_element(ctx, name, item, at, stop, depth)}
end

-- The item of a payload's container, and its class if its type is known.
local function payload_item(ctx, chain, kind, tree, at, stop)
  local entry = chain.entries[kind]
  if not entry then
    local item = add(ctx, tree, generic.unknown, at, stop - at)
    item:set_text("Payload " .. G.number_text(chain.strings, kind))
    note(ctx, item, "unknown", "no definition for payload type " .. kind)
    return item
  end
  local ok, name = pcall(class_of, ctx, entry, at + 4, stop)
  if not ok then name = type(entry) == "table" and entry.other or entry end
  return add(ctx, tree, G.elements[name].field, at, stop - at), entry, G.elements[name].title
end

-- Payloads from `at`, the first of type `kind`: the list of them, and where they end.
local function read_chain(ctx, chain, kind, tree, at, stop, depth)
  local items = {}
  depth = deeper(depth)
  while kind ~= 0 do
    if stop - at < 4 then
      if at == stop and #items > 0 and ctx.rules.last[items[#items].kind] then break end
      fail("truncated", "a payload's header needs 4 octets, " .. (stop - at) .. " are left")
    end
    local after, reserved, length = number(ctx.s, at, 1), number(ctx.s, at + 1, 1), number(ctx.s, at + 2, 2)
    local last = math.min(at + math.max(length, 4), stop)
    local item, entry, title = payload_item(ctx, chain, kind, tree, at, last)
    G.say_number(add(ctx, item, chain.next, at, 1), chain.next, chain.strings, after)
    local reserved_item = add(ctx, item, generic.reserved, at + 1, 1)
    if reserved ~= 0 then note(ctx, reserved_item, "reserved", "not zero") end
    local length_item = add(ctx, item, generic.length, at + 2, 2)
    if last - at ~= length then
      local kind_of = length < 4 and "length" or "truncated"
      note(ctx, length_item, kind_of, length .. " octets said, " .. (stop - at) .. " left, at least 4 needed")
    end
    local found = {}
    if entry then
      found = guarded(ctx, item, read_body, ctx, entry, item, at + 4, last, depth) or {}
    elseif last > at + 4 then
      add(ctx, item, generic.unknown_octets, at + 4, last - at - 4)
    end
    items[#items + 1] = {kind = kind, class = found.class, v = found.v or {}, title = title, at = at, stop = last}
    too_many(#items, "payloads")
    at, kind = last, after
  end
  return items, at
end
G.read_chain = read_chain

-- The chain table of a name, and of a number if it has a variant for that.
function G.chain_table(rules, name, key)
  return rules.chains[key and name .. ":" .. key or name] or rules.chains[name] or G.untyped_chain
end

function readers.chain(ctx, m, v, tree, at, stop, depth)
  local chain = G.chain_table(ctx.rules, m.table, m.key and v[m.key])
  local kind = m.first
  if type(kind) == "function" then kind = kind(v) elseif at == stop then kind = 0 end
  v[m.name], at = read_chain(ctx, chain, kind, tree, at, stop, depth)
  return at
end

-- Functions that expressions of the definitions call -----------------------------------------------------

function G.first_kind(items) return items[1] and items[1].kind or 0 end
function G.first_size(items) return items[1] and #items[1] or 0 end
