-- Forms that are sent to one address. Arguments: how often each counts, then a file with one form on each line.
--   again    the lines come round and round
--   once     each is sent once
--   refresh  each is a refresh token that is sent once, and what comes back has the next one
local how, lines, sent = nil, {}, 0
local before = "grant_type=refresh_token&refresh_token="

function init(args)
   how = args[1]
   for line in io.lines(args[2]) do
      lines[#lines + 1] = line
   end
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
   for i = 3, #args do
      local name, value = args[i]:match("^([^:]+): (.*)$")
      wrk.headers[name] = value
   end
   if how ~= "refresh" then
      response = nil
   end
end

function request()
   sent = sent + 1
   local at = how == "again" and (sent - 1) % #lines + 1 or sent
   if at > #lines then
      io.stderr:write("no token is left\n")
      os.exit(1)
   end
   local line = lines[at]
   return wrk.format(nil, nil, nil, how == "refresh" and before .. line or line)
end

function response(status, headers, body)
   local token = body:match('"refresh_token":"([^"]+)"')
   if token then
      lines[#lines + 1] = token
   end
end
