// Package report writes down what is needed to understand a run that went wrong:
// the violations, the history, what the nemesis did beside what clients saw, a
// picture of each znode whose history has no explanation, and the servers' logs.
package report
