-- A datagram: header, payloads, decryption, columns.

local F, notes, number, generic = G.F, G.notes, G.number, G.generic
local constants, numbers = G.constants, G.constants.numbers
local HEADER, MARKER = 28, 4
local note, add = G.note, G.add

local function flagged(flags, bit) return math.floor(flags / bit) % 2 == 1 end

-- The header's numbers, without any item; nothing if there is no room for it.
local function header_at(s, at)
  if #s - at < HEADER then return nil end
  return {
    at = at,
    initiator = s:sub(at + 1, at + 8),
    responder = s:sub(at + 9, at + 16),
    next_payload = number(s, at + 16, 1),
    major = math.floor(number(s, at + 17, 1) / 16),
    exchange_type = number(s, at + 18, 1),
    encrypted = flagged(number(s, at + 19, 1), numbers.flag_encryption),
    message_id = number(s, at + 20, 4),
    length = number(s, at + 24, 4),
  }
end
G.header_at = header_at

-- The domain of interpretation in force: the version's, that of an SA payload at the start, the port's.
local function domain_of(s, header, port)
  if header.major == 2 then return "IKEv2" end
  local domain = constants.domains_by_port[port] or "IPsec"
  if domain ~= "GDOI" and G.is_group(header.initiator) then domain = "GDOI" end
  local own = header.exchange_type >= constants.first_own_exchange
  local place = header.at + HEADER + 4
  if header.next_payload == numbers.payload_sa and not header.encrypted and not own and #s >= place + 4 then
    domain = constants.domains_by_number[number(s, place, 4)] or domain
  end
  return domain
end

-- Where the message ends; a length that is not so is noted.
local function end_of(ctx, header, item)
  local room = #ctx.s - header.at
  if header.length == room then return #ctx.s end
  local text = "the header says " .. header.length .. " octets, there are " .. room
  if header.length < HEADER then
    note(ctx, item, "length", text)
  elseif header.length > room then
    note(ctx, item, "truncated", text)
  else
    note(ctx, item, "trailing", text)
    return header.at + header.length
  end
  return #ctx.s
end

local function read_header(ctx, header, domain, chain, tree)
  local element = G.elements.Header
  local item = add(ctx, tree, element.field, header.at, HEADER)
  ctx.override = {
    next_payload = {field = chain.header_next, strings = chain.strings},
    exchange_type = {field = domain.exchange, strings = domain.exchanges},
  }
  G.read_element(ctx, "Header", item, header.at, header.at + HEADER, 0)
  ctx.override = nil
  return item
end

-- Payloads from `at` to `stop`: the list, what follows them being padding or a fault.
local function read_payloads(ctx, kind, chain, tree, at, stop, padded)
  local items, last = G.guarded(ctx, tree, G.read_chain, ctx, chain, kind, tree, at, stop, 0)
  if last and last < stop then
    if padded then
      add(ctx, tree, generic.padding, last, stop - last)
    else
      local item = add(ctx, tree, generic.unlinked, last, stop - last)
      note(ctx, item, "trailing", (stop - last) .. " octets that no payload announces")
    end
  end
  return items or {}
end

local function read_plaintext(ctx, header, chain, tree, pinfo, plain, with)
  local tvb = ByteArray.new(plain, true):tvb("Decrypted ISAKMP payloads")
  local dialect = G.dialect_of(pinfo.number, pinfo.visited, header, ctx.rules, chain, plain)
  local inner = {s = plain, tvb = tvb, rules = ctx.rules, dialect = dialect}
  local item = add(inner, tree, generic.plaintext, 0, #plain)
  local said = item:add(F[generic.decrypted_with], with)
  said:set_generated()
  local items = read_payloads(inner, header.next_payload, chain, item, 0, #plain, true)
  if inner.malformed then
    note(ctx, item, "keys", "no sound payloads: does the key fit?")
  elseif not pinfo.visited then
    G.keep_dialect(header, items, dialect)
  end
  return items
end

-- What is encrypted; nothing if no key opens it.
local function read_ciphertext(ctx, header, chain, tree, pinfo, at, stop)
  if at == stop then return nil end
  local item = add(ctx, tree, generic.ciphertext, at, stop - at)
  local function read(plain) return G.readable(ctx.rules, chain, header.next_payload, plain) end
  local found = G.open(pinfo.number, pinfo.visited, header, ctx.s:sub(at + 1, stop), read)
  if found.problem then note(ctx, item, found.kind, found.problem) end
  if found.plain then return read_plaintext(ctx, header, chain, tree, pinfo, found.plain, found.said) end
  if G.key_problem then note(ctx, item, "keys", G.key_problem) end
end

local function summary(header, name, payloads)
  local parts = {}
  for i, payload in ipairs(payloads or {}) do
    if i > 12 then break end
    parts[i] = payload.title and (payload.title:match("%((.-)%)$") or payload.title) or "payload " .. payload.kind
  end
  local text = #parts > 0 and ": " .. table.concat(parts, ", ") or ""
  if header.encrypted then text = (payloads and " (decrypted)" or " (encrypted)") .. text end
  return name .. text
end

local function read_message(ctx, pinfo, tree, header, port)
  local domain = G.domains[domain_of(ctx.s, header, port)]
  ctx.rules = domain.own_rules[header.exchange_type] or domain.rules
  header.group = domain.name == "GDOI"
  header.push = header.group and header.exchange_type == numbers.exchange_push
  local chain = G.chain_table(ctx.rules, "payloads")
  local item = read_header(ctx, header, domain, chain, tree)
  local name = G.name_of(domain.exchanges, header.exchange_type)
    or "exchange " .. G.number_text(domain.exchanges, header.exchange_type)
  item:add(F[generic.domain], domain.name):set_generated()
  item:add(F[generic.exchange], name):set_generated()
  local stop, at = end_of(ctx, header, item), header.at + HEADER
  local payloads
  if header.encrypted and header.major == 1 then
    payloads = read_ciphertext(ctx, header, chain, tree, pinfo, at, stop)
  else
    header.encrypted = false
    payloads = read_payloads(ctx, header.next_payload, chain, tree, at, stop, false)
  end
  if stop < #ctx.s then add(ctx, tree, generic.trailing, stop, #ctx.s - stop) end
  if payloads and not pinfo.visited then
    G.learn(header, payloads, tostring(pinfo.src) .. " " .. pinfo.src_port)
  end
  pinfo.cols.protocol:set(domain.name == "IPsec" and "ISAKMP" or domain.name)
  pinfo.cols.info:set(summary(header, name, payloads))
end

-- Why octets are no message, and the sort of note; nothing for what may be one. A port that is GDOI's by the
-- preferences alone may carry ESP as well, whose ciphertext is where the version and the length would be.
function G.no_message(header, named)
  local version = header.major == 1 or header.major == 2
  if named and not (version and header.length <= constants.limits.message) then
    return "no header of ISAKMP; ESP, perhaps", "data"
  end
  if not version then return "no message of ISAKMP: major version " .. header.major, "version" end
end

local function show_data(ctx, tvb, pinfo, tree, root, problem, kind)
  note(ctx, tree, kind, problem)
  pinfo.cols.protocol:set("ISAKMP")
  pinfo.cols.info:set(problem)
  Dissector.get("data"):call(tvb, pinfo, root)
end

-- The dissector: a message from offset `at` on, which belongs to `port`; `named` if the preferences say so.
function G.dissect(tvb, pinfo, root, port, at, named)
  local s = tvb:raw(0, tvb:len())
  local tree = root:add(G.proto, tvb())
  local ctx = {s = s, tvb = tvb, dialect = G.plain_dialect()}
  local header = header_at(s, at)
  if G.preference_problem then note(ctx, tree, "preference", G.preference_problem) end
  if header then
    local problem, kind = G.no_message(header, named)
    if problem then return show_data(ctx, tvb, pinfo, tree, root, problem, kind) end
  end
  if at == MARKER then add(ctx, tree, generic.non_esp_marker, 0, MARKER) end
  if not header then
    note(ctx, tree, "truncated", "a header has " .. HEADER .. " octets, " .. (#s - at) .. " are left")
    pinfo.cols.protocol:set("ISAKMP")
    pinfo.cols.info:set("no room for a header")
    return
  end
  local ok, problem = pcall(read_message, ctx, pinfo, tree, header, port)
  if not ok then
    local text = type(problem) == "table" and problem.text or tostring(problem)
    tree:add_proto_expert_info(notes.bug, "please report: " .. text)
  end
end
