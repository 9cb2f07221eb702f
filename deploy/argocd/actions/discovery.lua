-- Which actions a MedusaDatabase has, and which of them make sense as it is.
local reason, stalled = "", false
for _, condition in ipairs((obj.status or {}).conditions or {}) do
  if condition.type == "Ready" and condition.status == "False" then
    reason = condition.reason
  end
  if condition.type == "Stalled" then
    stalled = condition.status == "True"
  end
end
local suspended = obj.spec ~= nil and obj.spec.suspend == true
local gate = reason == "AwaitingAcknowledgement" or reason == "AwaitingApproval"
local again = stalled or (obj.status ~= nil and obj.status.nextRetryTime ~= nil)

return {
  ["retry"] = {["disabled"] = suspended or not again, ["displayName"] = "Try again now"},
  ["verify"] = {["disabled"] = suspended, ["displayName"] = "Compare the schema now"},
  ["suspend"] = {["disabled"] = suspended, ["displayName"] = "Suspend"},
  ["resume"] = {["disabled"] = not suspended, ["displayName"] = "Resume"},
  ["acknowledge"] = {["disabled"] = suspended or not gate, ["displayName"] = "Acknowledge the notes that were read"},
}
