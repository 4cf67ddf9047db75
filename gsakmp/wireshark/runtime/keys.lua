-- Secrets from a key file and from the preferences. Of the lines of a key file, `kind name hex`, those count that
-- the dissector can use: encryption_key, skeyid_e and kek. Wireshark's own table of ISAKMP keys is taken too:
-- a line is the initiator's cookie, a comma, the encryption key.

local unhex, limits = G.unhex, G.constants.limits

-- An editor's byte order mark, which may stand before the first line.
local MARK = "\239\187\191"

local function cookies_of(name)
  return unhex((name:gsub(":", "")))
end

-- A pattern for blanks at the end alone would take the square of the time in a line of blanks.
local function trimmed(text) return text:find("%S") and text:match("^%s*(.*%S)") or "" end

-- By kind, then by name in octets. Those of an ISAKMP SA may go by the initiator's cookie alone.
local function empty() return {encryption_key = {}, skeyid_e = {}, kek = {}, lines = 0} end

local SIZES = {encryption_key = {[8] = true, [16] = true}, skeyid_e = {[8] = true, [16] = true}, kek = {[16] = true}}

-- `line` has no blanks around it.
local function read_line(found, line)
  local cookie, key = line:match('^"?(%x+)"?%s*,%s*"?(%x+)"?$')
  if cookie then
    cookie, key = unhex(cookie), unhex(key)
    if cookie and key and #cookie == 8 then
      found.encryption_key[cookie], found.lines = key, found.lines + 1
    end
    return
  end
  local kind, name, value = line:match('^(%a[%w_]*)%s+"?([%x:]+)"?%s+(0?x?%x+)$')
  if not kind or not SIZES[kind] then return end
  local octets, secret = cookies_of(name:lower()), unhex((value:gsub("^0x", "")))
  if octets and secret and SIZES[kind][#octets] then
    found[kind][octets], found.lines = secret, found.lines + 1
  end
end

-- The lines of a file in turn, and at its end or at a limit what is wrong; such a file may never end.
local function lines_of(file, take)
  local rest, size, lines = "", 0, 0
  repeat
    local piece, problem = file:read(limits.key_line)
    if problem then return "cannot be read" end
    size, rest = size + #(piece or "\n"), rest .. (piece or "\n")
    if size > limits.key_file then return "has more than " .. limits.key_file .. " octets" end
    local from, last = 1, rest:find("\n", 1, true)
    while last do
      local line = rest:sub(from, last - 1)
      lines, from = lines + 1, last + 1
      take(lines == 1 and line:sub(1, #MARK) == MARK and line:sub(#MARK + 1) or line)
      last = rest:find("\n", from, true)
    end
    rest = rest:sub(from)
    if #rest > limits.key_line then return "has a line of more than " .. limits.key_line .. " octets" end
  until not piece
end

local function read_lines(found, file)
  return lines_of(file, function(line)
    line = trimmed(line)
    if line:sub(1, 1) ~= "#" then read_line(found, line) end
  end)
end

-- What is wrong with a file, or nothing; a folder can be opened, and fails when it is read.
local function read_file(found, path)
  local file = io.open(path, "rb")
  if not file then return "cannot be read" end
  local ok, problem = pcall(read_lines, found, file)
  file:close()
  return not ok and "cannot be read" or problem
end

-- Everything that the preferences name; the second result is what was wrong, or nothing.
function G.read_keys(prefs)
  local found, problem = empty(), nil
  if prefs.wireshark_table then
    read_file(found, Dir.personal_config_path("ikev1_decryption_table"))
  end
  if prefs.key_file ~= "" then
    local before = found.lines
    problem = read_file(found, prefs.key_file)
    if problem then
      problem = "the key file " .. problem
    elseif found.lines == before then
      problem = "the key file has no key that the dissector can use"
    end
  end
  for entry in prefs.keys:gmatch("[^;]+") do
    local before = found.lines
    read_line(found, trimmed(entry))
    if found.lines == before then problem = "the preference `keys` has an entry that is none" end
  end
  return found, problem
end
