"""What the collector has Redis do in one step, in Lua: all of it happens, or nothing."""

from typing import Final

COMMIT: Final = """
local p = 'ticker:v1:'
local stored = redis.call('GET', p .. 'fence')
if not stored then return redis.error_reply('EMPTY') end
if stored ~= ARGV[1] then return redis.error_reply('FENCED') end
local beat, taken = tonumber(redis.call('GET', p .. 'heartbeat')) or 0, tonumber(ARGV[10])
if taken > 0 and beat < taken then return redis.error_reply('EMPTY') end  -- it lost what it had taken
local now = tonumber(ARGV[2])
local parts = {}
for name, rows in pairs(cjson.decode(ARGV[3])) do
  local key = p .. 'board:' .. name
  local revision = redis.pcall('HINCRBY', key, 'revision', 1)
  local failed = type(revision) == 'table' and revision.err or ''
  if failed ~= '' and not (string.find(failed, 'integer') or string.find(failed, 'overflow')) then
    return revision  -- full, say
  end
  if failed ~= '' or revision < 1 or revision > 2 ^ 53 then
    redis.call('DEL', key)  -- somebody wrote there what is no number, or no revision
    return redis.error_reply('EMPTY')
  end
  local texts = {}
  for i = 1, #rows, 2 do
    redis.call('HSET', key, rows[i], rows[i + 1])
    texts[#texts + 1] = rows[i + 1]
  end
  redis.call('HSET', key, 'ts', ARGV[2])
  parts[#parts + 1] = cjson.encode(name) .. ':{"revision":' .. revision .. ',"ts":' .. ARGV[2] ..
    ',"rows":[' .. table.concat(texts, ',') .. ']}'
end
local slots = cjson.decode(ARGV[4])
for i = 1, #slots, 2 do redis.call('HSET', p .. 'slots', slots[i], slots[i + 1]) end
local minutes, last = {}, redis.call('HLEN', p .. 'slots') * 8 - 1
for at = 1, #ARGV[5], 20 do
  local minute, slot = struct.unpack('<i8i4', ARGV[5], at)
  local key = p .. 'minute:' .. string.format('%d', minute)
  if not minutes[key] and redis.call('EXISTS', key) == 0 then
    redis.call('SETRANGE', key, last, '\\0')  -- made in its full size at once: growing would double it
  end
  redis.call('SETRANGE', key, slot * 8, string.sub(ARGV[5], at + 12, at + 19))
  minutes[key] = minute
end
for key, minute in pairs(minutes) do
  redis.call('PEXPIRE', key, math.min(93600000, math.max(60000, minute + 93600000 - now)))
end
redis.call('SET', p .. 'heartbeat', ARGV[2])
redis.call('SET', p .. 'lease', ARGV[8], 'PX', ARGV[9])
if ARGV[6] ~= '' then redis.call('SET', p .. 'status', ARGV[6]) end
if ARGV[7] ~= '' then redis.call('SET', p .. 'holds', ARGV[7]) end
redis.call('PUBLISH', p .. 'updates', '{"fence":' .. ARGV[1] .. ',"ts":' .. ARGV[2] ..
  ',"boards":{' .. table.concat(parts, ',') .. '}}')
local accepts = redis.call('LRANGE', p .. 'accepts', 0, -1)
redis.call('DEL', p .. 'accepts')
return accepts
"""

CLAIM: Final = """
local p = 'ticker:v1:'
local holder = redis.call('GET', p .. 'lease')
if holder and holder ~= ARGV[2] then return false end
local stored = redis.call('GET', p .. 'fence')
if not stored and ARGV[5] == '' then return 'lost' end
local before = tonumber(stored) or 0
if not (before < 2 ^ 52) then before = 0 end  -- no collector's number
local fence = string.format('%d', math.max(before + 1, tonumber(ARGV[1])))
redis.call('SET', p .. 'lease', ARGV[2], 'PX', ARGV[3])
redis.call('SET', p .. 'fence', fence)
return {fence, stored and 1 or 0, stored == ARGV[4] and 1 or 0}
"""

RELEASE: Final = """
if redis.call('GET', 'ticker:v1:lease') == ARGV[1] then redis.call('DEL', 'ticker:v1:lease') end
return 1
"""

CLEAR: Final = """
local cleared = {}
for i = 1, #ARGV, 2 do
  local kind = redis.call('TYPE', ARGV[i]).ok
  if kind ~= 'none' and kind ~= ARGV[i + 1] then
    redis.call('DEL', ARGV[i])
    cleared[#cleared + 1] = ARGV[i]
  end
end
return cleared
"""
