-- Starts nothing new until it is resumed; a run that goes on is finished.
obj.spec.suspend = true
return obj
