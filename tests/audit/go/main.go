// Command main verifies an exported audit log with golang.org/x/mod/sumdb alone.
//
//	main BUNDLE KEYFILE [EARLIER]
//
// It opens the bundle's checkpoint, hashes every entry, builds the tree again and
// compares each tile with it, proves entries and the growth since EARLIER, another
// checkpoint, and says "verified" or "NOT VERIFIED" with the reason. A file whose
// name ends in .tlog-proof is the proof of one entry.
package main

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// Hashes are the stored hashes of a tree, in the order of tlog.StoredHashIndex.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(h)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		found[i] = h[index]
	}
	return found, nil
}

func main() {
	key, err := os.ReadFile(os.Args[2])
	if err == nil {
		err = verify(os.Args[1], strings.TrimSpace(string(key)), os.Args[3:])
	}
	if err != nil {
		fmt.Println("NOT VERIFIED:", err)
		os.Exit(1)
	}
	fmt.Println("verified")
}

func verify(path, key string, earlier []string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	if strings.HasSuffix(path, ".tlog-proof") {
		return checkProof(path, verifier)
	}
	files, err := readTar(path)
	if err != nil {
		return err
	}
	tree, err := openCheckpoint(files["checkpoint"], verifier)
	if err != nil {
		return err
	}
	stored, err := hashEntries(files, tree.N)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(tree.N, stored)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return errors.New("the entries do not make the root of the checkpoint")
	}
	if err := checkTiles(files, tree, stored); err != nil {
		return err
	}
	if err := checkRecords(tree, stored); err != nil {
		return err
	}
	return checkGrowth(files, tree, stored, verifier, earlier)
}

func readTar(path string) (map[string][]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	files := map[string][]byte{}
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			return nil, err
		}
	}
}

// OpenCheckpoint returns the tree that a signed note speaks of. The first line, the
// origin, is the name of the key.
func openCheckpoint(data []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("the checkpoint: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("the checkpoint is of another log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return tlog.Tree{}, errors.New("the checkpoint has no size")
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func tilePath(level string, number int64, width int64) string {
	full := fmt.Sprintf("%03d", number%1000)
	for rest := number / 1000; rest > 0; rest /= 1000 {
		full = fmt.Sprintf("x%03d/", rest%1000) + full
	}
	full = "tile/" + level + "/" + full
	if width < 1<<height {
		return fmt.Sprintf("%s.p/%d", full, width)
	}
	return full
}

func hashEntries(files map[string][]byte, size int64) (hashes, error) {
	var stored hashes
	for first := int64(0); first < size; first += 1 << height {
		width := size - first
		if width > 1<<height {
			width = 1 << height
		}
		name := tilePath("entries", first>>height, width)
		data, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("%s is missing", name)
		}
		for at := int64(0); at < width; at++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("%s is cut off", name)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			more, err := tlog.StoredHashes(first+at, data[2:end], stored)
			if err != nil {
				return nil, err
			}
			stored, data = append(stored, more...), data[end:]
		}
		if len(data) > 0 {
			return nil, fmt.Errorf("%s holds more than %d entries", name, width)
		}
	}
	return stored, nil
}

func checkTiles(files map[string][]byte, tree tlog.Tree, stored hashes) error {
	for _, tile := range tlog.NewTiles(height, 0, tree.N) {
		// NewTiles lists every width of a tile at the edge; only the last is there.
		if last := tree.N>>(height*uint(tile.L)) - tile.N<<height; tile.W < 1<<height && int64(tile.W) != last {
			continue
		}
		want, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return err
		}
		name := tilePath(strconv.Itoa(tile.L), tile.N, int64(tile.W))
		if got, ok := files[name]; !ok || !bytes.Equal(got, want) {
			return fmt.Errorf("%s is not what the entries make", name)
		}
	}
	return nil
}

// CheckRecords proves a hundred entries, the first and the last among them.
func checkRecords(tree tlog.Tree, stored hashes) error {
	step := tree.N/100 + 1
	for at := int64(0); at < tree.N; at += step {
		if err := checkRecord(tree, stored, at); err != nil {
			return err
		}
	}
	if tree.N == 0 {
		return nil
	}
	return checkRecord(tree, stored, tree.N-1)
}

func checkRecord(tree tlog.Tree, stored hashes, at int64) error {
	proof, err := tlog.ProveRecord(tree.N, at, stored)
	if err != nil {
		return err
	}
	leaf := stored[tlog.StoredHashIndex(0, at)]
	return tlog.CheckRecord(proof, tree.N, tree.Hash, at, leaf)
}

// CheckGrowth proves that the tree grew out of every checkpoint there is.
func checkGrowth(files map[string][]byte, tree tlog.Tree, stored hashes, verifier note.Verifier, earlier []string) error {
	notes := map[string][]byte{}
	for name, data := range files {
		if strings.HasPrefix(name, "checkpoints/") {
			notes[name] = data
		}
	}
	for _, name := range earlier {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		notes[name] = data
	}
	for name, data := range notes {
		before, err := openCheckpoint(data, verifier)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if before.N > tree.N {
			return fmt.Errorf("%s was signed over %d entries, the log has %d", name, before.N, tree.N)
		}
		if before.N == 0 {
			continue
		}
		proof, err := tlog.ProveTree(tree.N, before.N, stored)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash); err != nil {
			return fmt.Errorf("the log did not grow out of %s: %w", name, err)
		}
	}
	return nil
}

// CheckProof checks the proof of one entry, whose extra data is the entry.
func checkProof(path string, verifier note.Verifier) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, signed, ok := strings.Cut(string(data), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("no proof of an entry")
	}
	tree, err := openCheckpoint([]byte(signed), verifier)
	if err != nil {
		return err
	}
	entry, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, hash)
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}
