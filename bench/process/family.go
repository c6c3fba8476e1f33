package process

import "fmt"

// entry is a process in the system's table.
type entry struct {
	parent int
	ended  bool // and nobody has asked how yet: a zombie
}

// Family returns a process and all that descend from it, each after its parent.
// One whose parent has ended is not found any more.
func Family(ancestor int) ([]int, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	if _, ok := all[ancestor]; !ok {
		return nil, fmt.Errorf("process %d is not there", ancestor)
	}
	family := []int{ancestor}
	for i := 0; i < len(family); i++ {
		for pid, e := range all {
			if e.parent == family[i] && pid != family[i] {
				family = append(family, pid)
			}
		}
	}
	return family, nil
}

// Alive returns those of the processes that run. Where the table can't be read
// none does.
func Alive(pids []int) (alive []int) {
	all, _ := processes()
	for _, pid := range pids {
		if e, ok := all[pid]; ok && !e.ended {
			alive = append(alive, pid)
		}
	}
	return alive
}
