-- Commits a group of units in each partition: ARGV holds, for each of KEYS, the epoch and the units. What one partition
-- refuses leaves the others alone.

-- Above which numbers of feeds without a head begin, what was read of keys before any write (streams' lengths, requests'
-- results), and what is known of each consumer's progress on a feed.
local base, known, all_progress

-- The keys of a consumer's progress on a feed, made once a group: making them takes longer than using them.
local function progress_of(it)
  local of_consumer = all_progress[it.consumer]
  if not of_consumer then
    of_consumer = {}
    all_progress[it.consumer] = of_consumer
  end
  local progress = of_consumer[it.feed]
  if not progress then
    local name = it.consumer .. '|' .. it.feed
    progress = { name = name, marks = P .. ':m:' .. name, owed = P .. ':o:' .. name }
    of_consumer[it.feed] = progress
  end
  return progress
end

local function snapshot_key(stream) return P .. ':n:' .. stream.topic .. ':' .. stream.id end
local function feed_key(stream) return P .. ':f:' .. stream.topic end
local function rows_key(row) return P .. ':r:' .. row.view end
local function index_key(row) return P .. ':i:' .. row.view end
local function request_key(mark) return P .. ':q:' .. mark.key end
local function row_field(row) return #row.key .. ':' .. row.key .. row.row end
local function entry(it) return progress_of(it).name .. '|' .. (it.entry or text(it.position)) end

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

-- The stored tracker: L as stored and as it moves, generation, void ranges, how many positions have a field of their own,
-- and whether a rewind may not know of it yet.
local function tracker_of(it)
  local progress = progress_of(it)
  if not progress.tracker then
    local key = P .. ':t:' .. progress.name
    local stored, fields = call('HMGET', key, 'L', 'g', 'v', 's'), call('HLEN', key)
    for index = 1, 4 do fields = stored[index] and fields - 1 or fields end
    progress.tracker = {
      key = key, low = tonumber(stored[1] or 0), generation = tonumber(stored[2] or 0), void = ranges_of(stored[3]),
      stored = tonumber(stored[1] or 0), fields = fields,
      -- The published cursor is not rewound: its one target is its own partition.
      is_new = not stored[1] and it.consumer:sub(1, 1) ~= '~',
    }
  end
  return progress.tracker
end

local function set_field(tracker, position, state)
  tracker.fields = tracker.fields + call('HSET', tracker.key, position, state)
end

local function drop_field(tracker, position)
  if tracker.fields > 0 then tracker.fields = tracker.fields - call('HDEL', tracker.key, position) end
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
  local progress = progress_of(it)
  if progress.floor then return end
  progress.floor = tonumber(call('HGET', FLOORS, progress.name) or 0)
  call('ZCARD', progress.marks)
  call('ZCARD', progress.owed)
end

local function put_work(id, tries, delay_ms)
  -- What is further than a number tells is as good as never.
  call('ZADD', DUE, text(math.min(now_ms() + delay_ms, 2 ^ 53)), id)
  call('HSET', TRIES, id, text(tries))
end

local function unpark(it)
  if known[PARKED] == 0 then return end
  local parked = entry(it)
  if call('ZREM', PARKED, parked) == 1 then call('HDEL', PARKS, parked) end
end

-- Per kind of mark: its keys, the stored result if it was there before, and how it is left.
local marks = {
  None = { touch = function() end, found = function() end, leave = function() end },
  Events = {
    touch = touch_marks,
    found = function(mark)
      local progress = progress_of(mark)
      local floor = progress.floor
      for _, number in ipairs(mark.positions) do
        local score = call('ZSCORE', number <= floor and progress.owed or progress.marks, text(number))
        if (number <= floor) ~= (score ~= false) then return '' end
      end
    end,
    leave = function(mark)
      local progress = progress_of(mark)
      for _, number in ipairs(mark.positions) do
        local position = text(number)
        if number <= progress.floor then
          call('ZREM', progress.owed, position)
        else
          call('ZADD', progress.marks, position, position)
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
    append.key = P .. ':s:' .. append.stream.topic .. ':' .. append.stream.id
    touch('LLEN', append.key)
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
    if known[append.key] ~= append.expected then return { kind = 'Conflict' } end
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
  local stream, feed, topic = append.key, feed_key(append.stream), append.stream.topic
  local version = known[stream]
  local previous = version > 0 and #append.events > 0 and last_published(stream) or '0'
  for _, event in ipairs(append.events) do
    version = version + 1
    local position = '0'
    if event.published then
      position = text(call('HINCRBY', HEADS, topic, 1))
      if position == '1' and base > 0 then
        position = text(call('HINCRBY', HEADS, topic, text(base)))
        call('HSET', VOIDS, topic, '1-' .. text(base))
      end
      call('XADD', feed, position .. '-0', 's', append.stream.id, 'v', text(version))
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
local function skip(it, tracker)
  local from, through = it.position, it.outcome.Void.through
  if (end_of(tracker.void, from) or 0) >= through then return end
  local fields = call('HGETALL', tracker.key)
  for index = 1, #fields, 2 do
    local position = tonumber(fields[index])
    if position and from <= position and position <= through then
      local name = progress_of(it).name .. '|' .. fields[index]
      local parked = fields[index + 1] == 'h' and call('HEXISTS', PARKS, name) == 1
      if not parked then drop_field(tracker, fields[index]) end
    end
  end
  tracker.void = with_range(tracker.void, from, through)
  tracker.generation = tracker.generation + 1
  call('HSET', tracker.key, 'v', ranges_text(tracker.void), 'g', text(tracker.generation))
end

-- Tracker::start.
local function start(it, tracker)
  if tracker.low == 0 and call('EXISTS', tracker.key) == 0 then
    tracker.low = it.position
    call('HSET', tracker.key, 's', text(it.position))
  else
    call('HSETNX', tracker.key, 's', '0')
  end
end

-- Tracker::settle and Tracker::hold over one field a position: d(one), h(eld), m(issing). L moves over what stands above it
-- at the end of the group.
local function settle(it)
  local tracker = tracker_of(it)
  local number, low = it.position, tracker.low
  if tracker.is_new then
    call('SADD', TRACKERS, progress_of(it).name)
    tracker.is_new = false
  end
  if it.outcome == 'Start' then return start(it, tracker) end
  tracker.advances = true
  if type(it.outcome) == 'table' then
    skip(it, tracker)
  elseif it.outcome == 'Done' then
    if number > low + 1 and not end_of(tracker.void, number) then
      set_field(tracker, text(number), 'd')
    else
      drop_field(tracker, text(number))
    end
    if number == low + 1 then tracker.low = number end
    unpark(it)
  else
    local position = text(number)
    local state = call('HGET', tracker.key, position)
    local settled = state == 'd' or (not state and (number <= low or end_of(tracker.void, number)))
    -- Held too late: a faster copy has settled it, and nothing would ever remove its record.
    if settled then unpark(it) elseif state ~= 'h' then set_field(tracker, position, 'h') end
  end
end

local function raise_floor(it)
  local progress = progress_of(it)
  local before = progress.floor
  if it.low <= before then return end
  for _, hole in ipairs(it.holes) do
    if hole > before and hole <= it.low and not call('ZSCORE', progress.marks, text(hole)) then
      call('ZADD', progress.owed, text(hole), text(hole))
    end
  end
  call('HSET', FLOORS, progress.name, text(it.low))
  call('ZREMRANGEBYSCORE', progress.marks, '-inf', text(it.low))
  progress.floor = it.low
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
    known[PARKED] = known[PARKED] + 1
  end
  for _, it in ipairs(unit.settles) do settle(it) end
  for _, floor in ipairs(unit.floors) do raise_floor(floor) end
  return { kind = 'Ok', placed = placed }
end

local function commit(epoch, group)
  local record = call('HMGET', P .. ':epoch', 'tag', 'run_id', 'base')
  if record[1] ~= epoch or record[2] ~= RUN_ID then error('EPOCH the partition has another epoch', 0) end
  base, known, all_progress = tonumber(record[3] or 0), {}, {}
  local units, verdicts = cmsgpack.unpack(group), {}
  for _, unit in ipairs(units) do touch_unit(unit) end
  for index, unit in ipairs(units) do verdicts[index] = refusal(unit, verdicts) or write(unit) end
  for _, of_consumer in pairs(all_progress) do
    for _, progress in pairs(of_consumer) do
      local tracker = progress.tracker
      if tracker and tracker.advances then advance(tracker.key, tracker) end
      if tracker and tracker.low > tracker.stored then call('HSET', tracker.key, 'L', text(tracker.low)) end
    end
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
