-- Closed partitions and their opening: what ARGV[1] names, with its arguments after it.

local FORMAT = '1'

-- tag, run id, format and base of the partition's epoch.
local function epoch_record()
  local record = call('HMGET', P .. ':epoch', 'tag', 'run_id', 'format', 'base')
  if record[3] and record[3] ~= FORMAT then
    return nil, redis.error_reply('FORMAT the partition has key format ' .. record[3] .. ', this program knows ' .. FORMAT)
  end
  return record
end

-- One text: its tag. Two: it is closed, the server's run, and whether it has never been opened.
local function open()
  local record, refusal = epoch_record()
  if not record then return refusal end
  if record[2] == RUN_ID then return { record[1] } end
  return { RUN_ID, record[1] and 'closed' or 'fresh' }
end

-- Tracker::rewind of every registered tracker: what it holds stays, what is owed at or below the new L is missing.
local function rewound(fields, claim)
  local low = math.max(math.min(tonumber(fields.L or 0), claim.floor), tonumber(fields.s or 0))
  local void, changes, drops = ranges_of(fields.v), {}, {}
  for field, state in pairs(fields) do
    if state == 'd' or (state == 'm' and tonumber(field) > low) then drops[#drops + 1] = field end
  end
  for _, position in ipairs(claim.owed) do
    if position <= low and fields[text(position)] ~= 'h' and not end_of(void, position) then
      changes[#changes + 1] = text(position)
    end
  end
  return { low = low, void = void, generation = tonumber(fields.g or 0) + 1 }, changes, drops
end

local function rewind(claims)
  local claimed, trackers = {}, {}
  for _, claim in ipairs(claims) do claimed[claim.consumer .. '|' .. claim.feed] = claim end
  -- All are read before the first is written: Redis does not undo a script that fails half-way.
  for _, name in ipairs(call('SMEMBERS', TRACKERS)) do
    local fields, flat = {}, call('HGETALL', P .. ':t:' .. name)
    for index = 1, #flat, 2 do fields[flat[index]] = flat[index + 1] end
    trackers[name] = fields
  end
  for name, fields in pairs(trackers) do
    local key = P .. ':t:' .. name
    local tracker, changes, drops = rewound(fields, claimed[name] or { floor = 0, owed = {} })
    for _, field in ipairs(drops) do call('HDEL', key, field) end
    for _, field in ipairs(changes) do call('HSET', key, field, 'm') end
    advance(key, tracker)
    call('HSET', key, 'L', text(tracker.low), 'g', text(tracker.generation))
  end
  return redis.status_reply('OK')
end

local function reopen(tag, run, jump)
  local record, refusal = epoch_record()
  if not record then return refusal end
  if run ~= RUN_ID then return redis.error_reply('EPOCH the server is in another run') end
  if record[2] == RUN_ID then return record[1] end
  local heads, base = call('HGETALL', HEADS), tonumber(record[4] or 0)
  for index = 2, #heads, 2 do base = math.max(base, tonumber(heads[index])) end
  base = base + tonumber(jump)
  for index = 1, #heads, 2 do
    local topic, head = heads[index], tonumber(heads[index + 1])
    if head < base then
      call('HSET', VOIDS, topic, ranges_text(with_range(ranges_of(call('HGET', VOIDS, topic)), head + 1, base)))
      call('HSET', HEADS, topic, text(base))
    end
  end
  call('HSET', P .. ':epoch', 'tag', tag, 'run_id', RUN_ID, 'format', FORMAT, 'base', text(base))
  return tag
end

enter(KEYS[1])
if ARGV[1] == 'open' then return open() end
if ARGV[1] == 'rewind' then return rewind(cmsgpack.unpack(ARGV[2])) end
return reopen(ARGV[2], ARGV[3], ARGV[4])
