-- Secrets from a key file and from the preferences. Of the lines of a key file, `kind name hex`, those count that
-- the dissector can use: encryption_key, skeyid_e and kek. Wireshark's own table of ISAKMP keys is taken too:
-- a line is the initiator's cookie, a comma, the encryption key.

local unhex = G.unhex

-- An editor's byte order mark, which may stand before the first line.
local MARK = "\239\187\191"

local function cookies_of(name)
  return unhex((name:gsub(":", "")))
end

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

local function read_lines(found, file)
  local first = true
  for line in file:lines() do
    if first and line:sub(1, #MARK) == MARK then line = line:sub(#MARK + 1) end
    first = false
    if #line < 65536 and not line:match("^%s*#") then read_line(found, (line:gsub("^%s+", ""):gsub("%s+$", ""))) end
  end
end

-- Whether it could be read; a folder can be opened, and fails then.
local function read_file(found, path)
  local file = io.open(path, "r")
  if not file then return false end
  local ok = pcall(read_lines, found, file)
  file:close()
  return ok
end

-- Everything that the preferences name; the second result is what was wrong, or nothing.
function G.read_keys(prefs)
  local found, problem = empty(), nil
  if prefs.wireshark_table then
    read_file(found, Dir.personal_config_path("ikev1_decryption_table"))
  end
  if prefs.key_file ~= "" then
    local before = found.lines
    if not read_file(found, prefs.key_file) then
      problem = "the key file cannot be read"
    elseif found.lines == before then
      problem = "the key file has no key that the dissector can use"
    end
  end
  for entry in prefs.keys:gmatch("[^;]+") do
    local before = found.lines
    read_line(found, (entry:gsub("^%s+", ""):gsub("%s+$", "")))
    if found.lines == before then problem = "the preference `keys` has an entry that is none" end
  end
  return found, problem
end
