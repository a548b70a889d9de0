#!lua
-- What both scripts begin with. They alone write a partition's keys, whose layout is docs/decisions/0001-key-layout.md.
-- Without flags after `#!lua` the server refuses a script as a whole (OOM, MISCONF, NOREPLICAS) before its first write.
-- The run id makes its hash another one on every server process, so that a restart shows itself as NOSCRIPT to every
-- client.
--
-- KEYS are partitions' tags.

local RUN_ID = '@RUN_ID@'
local call = redis.call

-- Of the partition that is worked on.
local P, HEADS, VOIDS, FLOORS, TRACKERS, DUE, TRIES, PARKED, PARKS
local function enter(tag)
  P = tag
  HEADS, VOIDS, FLOORS, TRACKERS = P .. ':heads', P .. ':voids', P .. ':floors', P .. ':trackers'
  DUE, TRIES, PARKED, PARKS = P .. ':due', P .. ':tries', P .. ':parked', P .. ':parks'
end

-- Lua's own conversion writes numbers above 1e14 as 1e+14.
local function text(number)
  return string.format('%d', number)
end

-- Void ranges are ascending `from-through` with spaces between; they neither overlap nor touch.
local function ranges_of(stored)
  local ranges = {}
  for from, through in (stored or ''):gmatch('(%d+)-(%d+)') do
    ranges[#ranges + 1] = { tonumber(from), tonumber(through) }
  end
  return ranges
end

local function with_range(ranges, from, through)
  local merged = {}
  for _, range in ipairs(ranges) do
    if range[2] + 1 < from or through + 1 < range[1] then
      merged[#merged + 1] = range
    else
      from, through = math.min(from, range[1]), math.max(through, range[2])
    end
  end
  merged[#merged + 1] = { from, through }
  table.sort(merged, function(a, b) return a[1] < b[1] end)
  return merged
end

local function ranges_text(ranges)
  local texts = {}
  for index, range in ipairs(ranges) do texts[index] = text(range[1]) .. '-' .. text(range[2]) end
  return table.concat(texts, ' ')
end

local function end_of(ranges, position)
  for _, range in ipairs(ranges) do
    if range[1] <= position and position <= range[2] then return range[2] end
  end
end

-- Tracker::advance: L moves over what is done, held or void.
local function advance(key, tracker)
  while true do
    local following = tracker.low + 1
    local last = end_of(tracker.void, following)
    local state = not last and tracker.fields ~= 0 and call('HGET', key, text(following))
    if not last and not state then return end
    if state == 'd' then call('HDEL', key, text(following)) end
    tracker.low = last or following
  end
end
