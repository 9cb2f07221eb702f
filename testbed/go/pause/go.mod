// The container that holds a pod's namespaces.
module medusa-database-operator/testbed/pause

go 1.26.0
