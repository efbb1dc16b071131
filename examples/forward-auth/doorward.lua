-- Asks Doorward about a request before HAProxy sends it on (HAProxy 2.6 or later with Lua).
--
--   global
--     lua-load doorward.lua
--   frontend ...
--     http-request lua.doorward http://doorward.internal/_doorward/verdict 127.0.0.1:8080
--     http-request deny unless { var(txn.doorward) -m str permit }
--     http-response lua.doorward_answer
--
-- The first argument is the question's URL, the second where it is sent to. The second line is what lets a request pass, and
-- nothing but a permit sets its variable: where this script ends in an error, HAProxy goes on without it. The third line gives
-- the client what the answer says of its cookies, and what pages of other origins may do.

-- What the answer says of these replaces what the client said.
local told = {
  "doorward-identity", "doorward-login", "doorward-roles", "doorward-method", "doorward-request-id", "doorward-assertion",
  "cookie", "authorization", "dpop", "x-csrf-token",
}

-- What speaks of a connection or of a body, and what only this script may say.
local ours = {
  ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true, ["keep-alive"] = true, ["te"] = true,
  ["transfer-encoding"] = true, ["x-forwarded-for"] = true, ["x-forwarded-host"] = true, ["x-forwarded-method"] = true,
  ["x-forwarded-proto"] = true, ["x-forwarded-uri"] = true,
}

local function is_identity(name)
  return name:gsub("[^%w]", "-"):find("^doorward%-") ~= nil
end

local function question(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if is_identity(name) then
      txn.http:req_del_header(name)
    elseif not ours[name] then
      headers[name] = {}
      for _, value in pairs(values) do
        table.insert(headers[name], value)
      end
    end
  end
  headers["x-forwarded-method"] = { txn.f:method() }
  -- In Lua 0 is true, too.
  headers["x-forwarded-proto"] = { txn.sf:ssl_fc() == "1" and "https" or "http" }
  headers["x-forwarded-host"] = { txn.f:req_fhdr("host") }
  headers["x-forwarded-uri"] = { txn.f:pathq() }
  headers["x-forwarded-for"] = { txn.f:src() }
  return headers
end

-- Tables of HAProxy begin with 0.
local function lines(headers, name)
  local all, values = {}, headers[name] or {}
  local at = values[0] ~= nil and 0 or 1
  while values[at] ~= nil do
    table.insert(all, values[at])
    at = at + 1
  end
  return all
end

local function refuse(txn, answer)
  local reply = txn:reply({ status = answer.status })
  for name, values in pairs(answer.headers or {}) do
    if not ours[name] then
      for _, value in pairs(values) do
        reply:add_header(name, value)
      end
    end
  end
  txn:done(reply)
end

core.register_action("doorward", { "http-req" }, function(txn, url, address)
  local answer = core.httpclient():get({ url = url, dst = address, headers = question(txn), timeout = 10000 })
  if answer.status ~= 200 then
    refuse(txn, answer.status >= 300 and answer or { status = 503 })
    return
  end
  for _, name in ipairs(told) do
    local value = lines(answer.headers, name)[1]
    txn.http:req_del_header(name)
    if value and value ~= "" then
      txn.http:req_set_header(name, value)
    end
  end
  txn:set_priv(answer.headers)
  txn:set_var("txn.doorward", "permit")
end, 2)

-- What the answer depends on, and what pages of other origins may do with it: where Doorward says it, the service does not.
local function say_to_other_origins(txn, said)
  local depends = lines(said, "vary")
  for _, value in ipairs(depends) do
    txn.http:res_add_header("vary", value)
  end
  if not table.concat(depends, ","):lower():find("origin") then
    return
  end
  for name in pairs(txn.http:res_get_headers()) do
    if name:find("^access%-control%-") then
      txn.http:res_del_header(name)
    end
  end
  for name in pairs(said) do
    if name:find("^access%-control%-") then
      for _, value in ipairs(lines(said, name)) do
        txn.http:res_add_header(name, value)
      end
    end
  end
end

core.register_action("doorward_answer", { "http-res" }, function(txn)
  local said = txn:get_priv() or {}
  for _, cookie in ipairs(lines(said, "set-cookie")) do
    txn.http:res_add_header("set-cookie", cookie)
  end
  say_to_other_origins(txn, said)
end)
