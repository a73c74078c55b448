// Package round makes the rounds of the robustness tests: an ensemble from its
// birth to its end, what its nemesis and its clients do to it, and what is found.
//
// An ensemble may have Java's servers for members. Which of the promises are not
// asked of those is said in package validate.
package round
