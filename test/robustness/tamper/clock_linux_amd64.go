package tamper

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"time"
)

// clock is the offset of another process's wall clock, in that process's memory.
type clock struct {
	memory string // /proc/<pid>/mem
	offset int64  // address of the offset, in seconds
}

// code replaces clock_gettime(clock, *timespec). The 8 bytes behind it are the
// offset in seconds, which is added for CLOCK_REALTIME, 0.
var code = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228: clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi
	0x75, 0x0a, // jne to the end
	0x48, 0x8b, 0x15, 0x06, 0x00, 0x00, 0x00, // mov rdx, [rip+6]
	0x48, 0x01, 0x16, // add [rsi], rdx
	0xc3,       // ret
	0x90, 0x90, // the offset is aligned, and so written at once
}

// takeClock puts code into the vDSO of a process. Invariant: no thread of it
// runs there.
func takeClock(pid int) (*clock, error) {
	start, end, err := vdsoOf(pid)
	if err != nil {
		return nil, err
	}
	c := &clock{memory: fmt.Sprintf("/proc/%d/mem", pid)}
	image := make([]byte, end-start)
	f, err := os.OpenFile(c.memory, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.ReadAt(image, start); err != nil {
		return nil, fmt.Errorf("read the vDSO of %d: %w", pid, err)
	}
	at, err := place(image)
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteAt(append(bytes.Clone(code), make([]byte, 8)...), start+at); err != nil {
		return nil, fmt.Errorf("write the vDSO of %d: %w", pid, err)
	}
	c.offset = start + at + int64(len(code))
	return c, nil
}

func (c *clock) shift(d time.Duration) error {
	f, err := os.OpenFile(c.memory, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(binary.LittleEndian.AppendUint64(nil, uint64(int64(d/time.Second))), c.offset)
	return err
}

// vdsoOf returns where the vDSO of a process is.
func vdsoOf(pid int) (start, end int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			_, err := fmt.Sscanf(line, "%x-%x", &start, &end)
			return start, end, err
		}
	}
	return 0, 0, fmt.Errorf("process %d has no vDSO", pid)
}

// place returns where in the image clock_gettime is, and looks that nothing else
// that Go calls lies so near that it would be overwritten.
func place(image []byte) (int64, error) {
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, fmt.Errorf("read the vDSO's symbols: %w", err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return 0, fmt.Errorf("read the vDSO's symbols: %w", err)
	}
	at := map[string]int64{}
	for _, s := range symbols {
		at[s.Name] = int64(s.Value)
	}
	from, ok := at["__vdso_clock_gettime"]
	if !ok || from < 0 || from%8 != 0 || from+int64(len(code))+8 > int64(len(image)) {
		return 0, fmt.Errorf("the vDSO has no clock_gettime at a place of use: %#x", from)
	}
	for _, name := range []string{"__vdso_gettimeofday", "__vdso_getrandom"} {
		if other, ok := at[name]; ok && other > from && other < from+int64(len(code))+8 {
			return 0, fmt.Errorf("%s lies %d bytes behind clock_gettime", name, other-from)
		}
	}
	return from, nil
}
