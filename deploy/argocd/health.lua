-- The health of a MedusaDatabase for Argo CD.
local health = {status = "Progressing", message = "the operator has not looked at it yet"}

-- what was reported of another generation proves nothing of this one
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local found = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  found[condition.type] = condition
end
local function is_true(kind)
  return found[kind] ~= nil and found[kind].status == "True"
end

local ready = found["Ready"]
if ready == nil then
  return health
end
health.message = ready.reason .. ": " .. (ready.message or "")

if is_true("Ready") then
  -- also while it is suspended: the database is as declared, so what comes after it may go on
  health.status = "Healthy"
elseif is_true("Stalled") then
  health.status = "Degraded"
elseif is_true("Suspended") then
  health.status = "Suspended"
elseif ready.reason == "AwaitingAcknowledgement" or ready.reason == "AwaitingApproval" then
  health.status = "Suspended"
end
return health
