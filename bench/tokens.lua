-- Another bearer token in each request. The file that is named after `--` has one on each line.
local requests, sent = {}, 0

function init(args)
   for token in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format(nil, nil, { Authorization = "Bearer " .. token })
   end
end

function request()
   sent = sent + 1
   if sent > #requests then
      io.stderr:write("no token is left\n")
      os.exit(1)
   end
   return requests[sent]
end
