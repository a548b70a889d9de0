-- Commits a group of units in each partition: ARGV holds, for each of KEYS, the epoch and the units. What one partition
-- refuses leaves the others alone.

-- Above which numbers of feeds without a head begin, and what was read of keys before any write: streams' lengths,
-- requests' results; trackers' L, generation and void ranges, whether L has moved since, and whether a rewind may not know
-- of it yet.
local base, known, trackers

local function stream_key(stream) return P .. ':s:' .. stream.topic .. ':' .. stream.id end
local function snapshot_key(stream) return P .. ':n:' .. stream.topic .. ':' .. stream.id end
local function feed_key(stream) return P .. ':f:' .. stream.topic end
local function progress(it) return it.consumer .. '|' .. it.feed end
local function marks_key(it) return P .. ':m:' .. progress(it) end
local function owed_key(it) return P .. ':o:' .. progress(it) end
local function tracker_key(it) return P .. ':t:' .. progress(it) end
local function rows_key(row) return P .. ':r:' .. row.view end
local function index_key(row) return P .. ':i:' .. row.view end
local function request_key(mark) return P .. ':q:' .. mark.key end
local function row_field(row) return #row.key .. ':' .. row.key .. row.row end
local function entry(it) return progress(it) .. '|' .. (it.entry or text(it.position)) end

local clock
local function now_ms()
  if not clock then
    local time = call('TIME')
    clock = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return clock
end

-- Redis does not undo a script that fails half-way. So each key is first read by a command of its type, and a key of
-- another type fails the group before anything is written.
local function touch(command, key)
  if known[key] == nil then known[key] = call(command, key) end
end

local function tracker_of(it)
  local key = tracker_key(it)
  if not trackers[key] then
    local stored = call('HMGET', key, 'L', 'g', 'v')
    trackers[key] = {
      low = tonumber(stored[1] or 0), generation = tonumber(stored[2] or 0), void = ranges_of(stored[3]),
      -- The published cursor is not rewound: its one target is its own partition.
      is_new = not stored[1] and it.consumer:sub(1, 1) ~= '~',
    }
  end
  return trackers[key], key
end

local function touch_work()
  touch('ZCARD', DUE)
  touch('HLEN', TRIES)
end

local function touch_parked()
  touch('ZCARD', PARKED)
  touch('HLEN', PARKS)
end

local function touch_marks(it)
  touch('HLEN', FLOORS)
  touch('ZCARD', marks_key(it))
  touch('ZCARD', owed_key(it))
end

local function floor_of(it)
  return tonumber(call('HGET', FLOORS, progress(it)) or 0)
end

local function put_work(id, tries, delay_ms)
  call('ZADD', DUE, text(now_ms() + delay_ms), id)
  call('HSET', TRIES, id, text(tries))
end

local function unpark(it)
  if call('ZREM', PARKED, entry(it)) == 1 then call('HDEL', PARKS, entry(it)) end
end

-- Per kind of mark: its keys, the stored result if it was there before, and how it is left.
local marks = {
  None = { touch = function() end, found = function() end, leave = function() end },
  Events = {
    touch = touch_marks,
    found = function(mark)
      local floor = floor_of(mark)
      for _, number in ipairs(mark.positions) do
        local score = call('ZSCORE', number <= floor and owed_key(mark) or marks_key(mark), text(number))
        if (number <= floor) ~= (score ~= false) then return '' end
      end
    end,
    leave = function(mark)
      local floor = floor_of(mark)
      for _, number in ipairs(mark.positions) do
        if number <= floor then
          call('ZREM', owed_key(mark), text(number))
        else
          call('ZADD', marks_key(mark), text(number), text(number))
        end
      end
    end,
  },
  Work = {
    touch = touch_work,
    found = function(mark) return call('HEXISTS', TRIES, mark.id) == 0 and '' end,
    leave = function(mark)
      call('ZREM', DUE, mark.id)
      call('HDEL', TRIES, mark.id)
    end,
  },
  Reschedule = {
    touch = touch_work,
    found = function(mark) return call('HGET', TRIES, mark.id) ~= text(mark.from) and '' end,
    leave = function(mark) put_work(mark.id, mark.to, mark.delay_ms) end,
  },
  Request = {
    touch = function(mark) touch('GET', request_key(mark)) end,
    found = function(mark) return known[request_key(mark)] end,
    leave = function(mark, result)
      call('SET', request_key(mark), result, 'PX', text(math.max(mark.ttl_ms, 1)))
      known[request_key(mark)] = result
    end,
  },
  Parked = {
    touch = touch_parked,
    found = function(mark) return (call('HGET', PARKS, entry(mark)) or '') ~= mark.record and '' end,
    leave = unpark,
  },
}

local function touch_unit(unit)
  marks[unit.mark.kind].touch(unit.mark)
  for _, append in ipairs(unit.appends) do
    touch('LLEN', stream_key(append.stream))
    if append.snapshot then touch('STRLEN', snapshot_key(append.stream)) end
    touch('HLEN', HEADS)
    if base > 0 then touch('HLEN', VOIDS) end
    touch('XLEN', feed_key(append.stream))
  end
  for _, row in ipairs(unit.rows) do
    touch('HLEN', rows_key(row))
    touch('ZCARD', index_key(row))
  end
  if #unit.work > 0 then touch_work() end
  for _, settle in ipairs(unit.settles) do
    if tracker_of(settle).is_new then touch('SCARD', TRACKERS) end
    touch_parked()
  end
  if #unit.parks > 0 then touch_parked() end
  for _, floor in ipairs(unit.floors) do touch_marks(floor) end
end

local function refusal(unit, verdicts)
  local result = marks[unit.mark.kind].found(unit.mark)
  if result then return { kind = 'Duplicate', result = result } end
  for _, index in ipairs(unit.after) do
    local before = verdicts[index + 1]
    if not before or before.kind ~= 'Ok' then return { kind = 'Conflict' } end
  end
  for _, append in ipairs(unit.appends) do
    if known[stream_key(append.stream)] ~= append.expected then return { kind = 'Conflict' } end
  end
  for _, row in ipairs(unit.rows) do
    local stored = call('HGET', rows_key(row), row_field(row))
    if tonumber(stored and stored:match('^%d+') or 0) ~= row.expected then return { kind = 'Conflict' } end
  end
  for _, settle in ipairs(unit.settles) do
    if tracker_of(settle).generation ~= settle.generation then return { kind = 'Stale' } end
  end
end

-- The stream's last place in its feed: of its last event, or of the one that a private last event names.
local function last_published(stream)
  local position, previous = call('LINDEX', stream, -1):match('^%d+ (%d+) (%d+)\n')
  return position == '0' and previous or position
end

local function append_events(append, placed)
  local stream = stream_key(append.stream)
  local version = known[stream]
  local previous = version > 0 and #append.events > 0 and last_published(stream) or '0'
  for _, event in ipairs(append.events) do
    version = version + 1
    local position = '0'
    if event.published then
      position = text(call('HINCRBY', HEADS, append.stream.topic, 1))
      if position == '1' and base > 0 then
        position = text(call('HINCRBY', HEADS, append.stream.topic, text(base)))
        call('HSET', VOIDS, append.stream.topic, '1-' .. text(base))
      end
      call('XADD', feed_key(append.stream), position .. '-0', 's', append.stream.id, 'v', text(version))
      placed[#placed + 1] = { position = tonumber(position), previous = tonumber(previous) }
    end
    call('RPUSH', stream, text(version) .. ' ' .. position .. ' ' .. previous .. '\n' .. event.record)
    if event.published then previous = position end
  end
  known[stream] = version
  if append.snapshot then
    call('SET', snapshot_key(append.stream), text(version) .. '\n' .. append.snapshot)
  end
end

-- Tracker::skip.
local function skip(it, tracker, key)
  local from, through = it.position, it.outcome.Void.through
  if (end_of(tracker.void, from) or 0) >= through then return end
  local fields = call('HGETALL', key)
  for index = 1, #fields, 2 do
    local position = tonumber(fields[index])
    if position and from <= position and position <= through then
      local parked = fields[index + 1] == 'h' and call('HEXISTS', PARKS, progress(it) .. '|' .. fields[index]) == 1
      if not parked then call('HDEL', key, fields[index]) end
    end
  end
  tracker.void = with_range(tracker.void, from, through)
  tracker.generation = tracker.generation + 1
  call('HSET', key, 'v', ranges_text(tracker.void), 'g', text(tracker.generation))
end

-- Tracker::start.
local function start(it, tracker, key)
  if tracker.low == 0 and call('EXISTS', key) == 0 then
    tracker.low, tracker.moved = it.position, true
    call('HSET', key, 's', text(it.position))
  else
    call('HSETNX', key, 's', '0')
  end
end

-- Tracker::settle and Tracker::hold over one field a position: d(one), h(eld), m(issing).
local function settle(it)
  local tracker, key = tracker_of(it)
  local position, low = text(it.position), tracker.low
  if tracker.is_new then call('SADD', TRACKERS, progress(it)) end
  if it.outcome == 'Start' then return start(it, tracker, key) end
  if type(it.outcome) == 'table' then
    skip(it, tracker, key)
  elseif it.outcome == 'Done' then
    local is_above = it.position > low + 1 and not end_of(tracker.void, it.position)
    if is_above then call('HSET', key, position, 'd') else call('HDEL', key, position) end
    if it.position == low + 1 then tracker.low = it.position end
    unpark(it)
  else
    local state = call('HGET', key, position)
    local settled = state == 'd' or (not state and (it.position <= low or end_of(tracker.void, it.position)))
    -- Held too late: a faster copy has settled it, and nothing would ever remove its record.
    if settled then unpark(it) elseif state ~= 'h' then call('HSET', key, position, 'h') end
  end
  advance(key, tracker)
  tracker.moved = tracker.moved or tracker.low > low
end

local function raise_floor(it)
  local before = floor_of(it)
  if it.low <= before then return end
  for _, hole in ipairs(it.holes) do
    if hole > before and hole <= it.low and not call('ZSCORE', marks_key(it), text(hole)) then
      call('ZADD', owed_key(it), text(hole), text(hole))
    end
  end
  call('HSET', FLOORS, progress(it), text(it.low))
  call('ZREMRANGEBYSCORE', marks_key(it), '-inf', text(it.low))
end

local function write(unit)
  local placed = {}
  marks[unit.mark.kind].leave(unit.mark, unit.result)
  for _, append in ipairs(unit.appends) do append_events(append, placed) end
  for _, row in ipairs(unit.rows) do
    call('HSET', rows_key(row), row_field(row), text(row.expected + 1) .. '\n' .. row.value)
    call('ZADD', index_key(row), 0, row_field(row))
  end
  for _, work in ipairs(unit.work) do put_work(work.id, work.tries, work.delay_ms) end
  for _, park in ipairs(unit.parks) do
    call('ZADD', PARKED, 0, entry(park))
    call('HSET', PARKS, entry(park), park.record)
  end
  for _, it in ipairs(unit.settles) do settle(it) end
  for _, floor in ipairs(unit.floors) do raise_floor(floor) end
  return { kind = 'Ok', placed = placed }
end

local function commit(epoch, group)
  local record = call('HMGET', P .. ':epoch', 'tag', 'run_id', 'base')
  if record[1] ~= epoch or record[2] ~= RUN_ID then error('EPOCH the partition has another epoch', 0) end
  base, known, trackers = tonumber(record[3] or 0), {}, {}
  local units, verdicts = cmsgpack.unpack(group), {}
  for _, unit in ipairs(units) do touch_unit(unit) end
  for index, unit in ipairs(units) do verdicts[index] = refusal(unit, verdicts) or write(unit) end
  for key, tracker in pairs(trackers) do
    if tracker.moved then call('HSET', key, 'L', text(tracker.low)) end
  end
  return verdicts
end

local outcomes = {}
for index, tag in ipairs(KEYS) do
  enter(tag)
  local done, verdicts = pcall(commit, ARGV[2 * index - 1], ARGV[2 * index])
  outcomes[index] = done and { Ok = verdicts } or { Err = verdicts.err or verdicts }
end
return cmsgpack.pack(outcomes)
