package config

import (
	"errors"

	"github.com/carillonhq/carillon/sdk"
)

// ResolveSecrets reads all secrets of the account. All faults are returned at
// once; each names its reference.
func (a Account) ResolveSecrets() (map[string]sdk.Secret, error) {
	secrets := make(map[string]sdk.Secret, len(a.Secrets))
	var faults []error
	for _, name := range sortedKeys(a.Secrets) {
		value, err := a.Secrets[name].Resolve()
		if err != nil {
			faults = append(faults, err)
			continue
		}
		secrets[name] = sdk.NewSecret(value)
	}
	return secrets, errors.Join(faults...)
}
