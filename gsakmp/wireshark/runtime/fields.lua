-- The protocol, its fields and its expert notes, registered with Wireshark.

local proto = Proto("gdoi", "Group Domain of Interpretation and ISAKMP")
G.proto = proto

-- By number, as everything else refers to them. A generated row: name, label, kind, meaning, list of names, mask,
-- whether it is shown in hexadecimal.
local F = {}
G.F, G.labels = F, {}

local function value_string(list)
  return list and G.strings[list].names or nil
end

for i, row in ipairs(G.field_rows) do
  local name, label, kind, doc = row[1], row[2], row[3], row[4]
  local list, mask, hexadecimal = row[5] or nil, row[6] or nil, row[7]
  G.labels[i] = label
  if kind == "none" or kind == "bytes" or kind == "string" then
    F[i] = kind == "bytes" and ProtoField.bytes(name, label, base.COLON, doc)
      or kind == "string" and ProtoField.string(name, label, base.ASCII, doc)
      or ProtoField.none(name, label, doc)
  elseif kind == "bool" then
    F[i] = ProtoField.bool(name, label, row[8], nil, mask, doc)
  elseif kind == "ipv4" or kind == "ipv6" then
    F[i] = ProtoField[kind](name, label, doc)
  else
    local shown = hexadecimal and base.HEX or base.DEC
    F[i] = ProtoField[kind](name, label, shown, value_string(list), mask, doc)
  end
end
proto.fields = F

G.notes, G.malformed = {}, {}
local list = {}
for i, row in ipairs(G.constants.notes) do
  local name, text, group, severity = row[1], row[2], row[3], row[4]
  local one = ProtoExpert.new("gdoi.expert." .. name, text, expert.group[group] or expert.group.PROTOCOL,
    expert.severity[severity])
  G.notes[name], list[i] = one, one
  G.malformed[name] = group == "MALFORMED"
end
proto.experts = list

-- Names of numbers --------------------------------------------------------------------------------------

-- What the range of a number without a name is for.
local function range_text(strings, value)
  for _, range in ipairs(strings.ranges) do
    if range[1] <= value and value <= range[2] then return range[3] end
  end
  return "unassigned"
end

-- The name of a number, or nothing.
function G.name_of(list, value)
  return list and G.strings[list].names[value] or nil
end

-- A number as text: its name with it, or what its range is for.
function G.number_text(list, value)
  local number = string.format("%.0f", value)
  if not list then return number end
  local strings = G.strings[list]
  local name = strings.names[value]
  if name then return name .. " (" .. number .. ")" end
  return number .. " (" .. range_text(strings, value) .. ")"
end

-- Give the item of a number its text, if Wireshark has no name for it.
function G.say_number(item, field, list, value)
  if list and not G.strings[list].names[value] then
    item:set_text(G.labels[field] .. ": " .. G.number_text(list, value))
  end
end
