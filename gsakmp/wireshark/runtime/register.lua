-- Preferences and ports.

local proto, header_at = G.proto, G.header_at

proto.prefs.key_file = Pref.string("Key file", "", "Path of a key file: gsakmp's own, or Wireshark's ISAKMP table")
proto.prefs.keys = Pref.string(
  "Keys", "", "Lines of a key file, with semicolons between them: kek 00112233...:8899aabb... 10ff...")
proto.prefs.wireshark_table = Pref.bool(
  "Use Wireshark's table of ISAKMP keys", true, "Read ikev1_decryption_table in the personal configuration folder")
-- Wireshark takes an unknown word for the default of an enumeration, and says nothing. So these are text.
local WORDS = {dialect = {"automatic"}, other_ports = {"gdoi", "nothing", "all"}}  -- the first is the default
for _, dialect in ipairs(G.constants.dialects) do table.insert(WORDS.dialect, dialect.name) end

local function words(name) return table.concat(WORDS[name], ", ") end
proto.prefs.dialect = Pref.string(
  "Dialect", WORDS.dialect[1], "How the peers differ from the standards: one of " .. words("dialect"))
proto.prefs.other_ports = Pref.string("UDP 500 and 4500", WORDS.other_ports[1],
  "What to take there from Wireshark's own dissector: gdoi (its exchanges alone), nothing, or all of IKE version 1")
proto.prefs.ikev2 = Pref.bool(
  "Leave IKE version 2 to Wireshark", true, "Its own dissector reads more of version 2 than the framing")

proto.prefs.ports = Pref.range("UDP ports of GDOI", "848", "Where a message is one of GDOI by its port", 65535)

-- The dissectors that had the ports before; Wireshark knows that of 4500 by no name.
local ports, before = DissectorTable.get("udp.port"), {}
for _, port in ipairs({500, 4500}) do
  local ok, dissector = pcall(function() return ports:get_dissector(port) end)
  before[port] = ok and dissector or nil
end

local function theirs(port, tvb, pinfo, tree)
  local dissector = before[port] or Dissector.get("isakmp")
  if not dissector then return 0 end
  local ok, taken = pcall(dissector.call, dissector, tvb, pinfo, tree)
  -- Where the octets are too few for it, it has marked the packet as malformed by now, and raises an error.
  return ok and taken or tvb:len()
end

local OURS = {[848] = true, [500] = true, [4500] = true}

-- The port that says which domain of interpretation is meant: the receiver's if it is one of ours. The second
-- result is whether it is GDOI's by the preferences alone.
local function port_of(pinfo)
  if OURS[pinfo.dst_port] then return pinfo.dst_port end
  if OURS[pinfo.src_port] then return pinfo.src_port end
  return 848, true
end

-- Whether a message on a port of IKE's is for this dissector.
local function wanted(s, at)
  local header = header_at(s, at)
  local all = G.options.other_ports == "all"
  if not header then return all end
  if header.major == 2 then return all and not proto.prefs.ikev2 end
  if all then return true end
  if G.options.other_ports == "nothing" then return false end
  return G.is_group(header.initiator) or G.names_group(s, header)
end

-- Whether a message in the clear has an SA payload at the start that names GDOI.
function G.names_group(s, header)
  local numbers, place = G.constants.numbers, header.at + 28 + 4
  return header.next_payload == numbers.payload_sa and not header.encrypted and #s >= place + 4
    and G.number(s, place, 4) == numbers.doi_gdoi
end

function proto.dissector(tvb, pinfo, tree)
  local port, named = port_of(pinfo)
  local s = tvb:raw(0, math.min(tvb:len(), 64))
  local at = port == 4500 and 4 or 0
  if port == 4500 and (s:sub(1, 4) ~= "\0\0\0\0" or not wanted(s, at)) then
    return theirs(4500, tvb, pinfo, tree)
  end
  if port == 500 and not wanted(s, at) then return theirs(500, tvb, pinfo, tree) end
  local header = header_at(s, at)
  if header and header.major == 2 and proto.prefs.ikev2 and not G.no_message(header, named) then
    return theirs(500, tvb, pinfo, tree)
  end
  G.dissect(tvb, pinfo, tree, port, at, named)
  return tvb:len()
end

-- Take the ports that the preferences name and give back those that they do not name any more.
local taken = ""
local function take_ports()
  local wished = proto.prefs.ports
  if wished == taken then return end
  if taken ~= "" then ports:remove(taken, proto) end
  if wished ~= "" then ports:add(wished, proto) end
  for _, port in ipairs({500, 4500}) do ports:add(port, proto) end
  taken = wished
end

-- The word that a preference has; that of the default, and what to say, if it is none that is known.
local function option(name)
  local said = proto.prefs[name]:lower():gsub("^%s+", ""):gsub("%s+$", "")
  for _, word in ipairs(WORDS[name]) do
    if said == word then return word end
  end
  if said == "" then return WORDS[name][1] end
  return WORDS[name][1], string.format(
    "the preference gdoi.%s is '%s', none of %s; it counts as %s", name, said, words(name), WORDS[name][1])
end

local told  -- once, not with every file
local function take_options()
  local dialect, first = option("dialect")
  local other_ports, second = option("other_ports")
  G.options = {dialect = dialect, other_ports = other_ports}
  G.preference_problem = first and second and first .. "; " .. second or first or second
  if G.preference_problem and G.preference_problem ~= told then report_failure(G.preference_problem) end
  told = G.preference_problem
end

local function refresh()
  take_ports()
  take_options()
  G.forget()
end

function proto.init() refresh() end
function proto.prefs_changed() refresh() end
refresh()
