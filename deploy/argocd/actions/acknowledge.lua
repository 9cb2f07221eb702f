-- Agrees to what the resource waits for: every version with breaking notes on its way, what the shop's own Medusa asks
-- for, or, where each step is to be approved, the next step.
local approval = false
for _, condition in ipairs(obj.status.conditions or {}) do
  if condition.type == "Ready" then
    approval = condition.reason == "AwaitingApproval"
  end
end
if obj.spec.upgrade == nil then
  obj.spec.upgrade = {}
end
local acknowledged, known = {}, {}
local function add(version)
  if version ~= nil and not known[version] then
    known[version] = true
    table.insert(acknowledged, version)
  end
end
for _, version in ipairs(obj.spec.upgrade.acknowledged or {}) do
  add(version)
end
if approval then
  for _, step in ipairs(obj.status.steps or {}) do
    if step.state ~= "Done" then
      add(step.version)
      break
    end
  end
else
  for _, note in ipairs(obj.status.upgradeNotes or {}) do
    if note.severity == "breaking" then
      add(note.version)
    end
  end
  for _, one in ipairs(obj.status.acknowledge or {}) do
    add(one)
  end
end
obj.spec.upgrade.acknowledged = acknowledged
return obj
