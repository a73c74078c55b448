package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ballast is the file that fills a small disk.
func (s *Server) ballast() string { return filepath.Join(s.Data(), "ballast") }

// HasSmallDisk reports whether Fill can fill the disk.
func (s *Server) HasSmallDisk() bool { return s.mounted }

// Fill writes until the disk is full.
func (s *Server) Fill() error {
	f, err := os.OpenFile(s.ballast(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for size := len(block); size >= 1; {
		if _, err := f.Write(block[:size]); err != nil {
			size /= 2 // the last bytes too
		}
	}
	return nil
}

// Free takes back what Fill did.
func (s *Server) Free() error {
	if err := os.Remove(s.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("free the disk of server %d: %w", s.ID, err)
	}
	return nil
}

// Wipe puts an empty disk into a server that does not run. It may not vote
// before it has got everything from the others.
func (s *Server) Wipe() error {
	if err := s.empty(); err != nil {
		return err
	}
	return s.cluster.introduceDisk(s, false)
}

func (s *Server) empty() error {
	entries, err := os.ReadDir(s.Data())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(s.Data(), e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Backup copies the disk of a server that does not run.
func (s *Server) Backup() error {
	if err := os.RemoveAll(s.backup()); err != nil {
		return err
	}
	return os.CopyFS(s.backup(), os.DirFS(s.Data()))
}

// Restore puts the disk of the last Backup into a server that does not run.
func (s *Server) Restore() error {
	if err := s.empty(); err != nil {
		return err
	}
	return os.CopyFS(s.Data(), os.DirFS(s.backup()))
}

func (s *Server) backup() string { return filepath.Join(s.Dir, "backup") }
