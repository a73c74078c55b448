package replica

import "github.com/paddock-io/paddock/internal/prep"

var prepOptions = prep.Options{Digest: true}
