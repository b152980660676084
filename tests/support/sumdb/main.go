// SPDX-License-Identifier: Apache-2.0

// Asks Go's own checksum database code (golang.org/x/mod/sumdb) about notes, proofs and tiles:
// one question in JSON on each line of standard input, one answer on each line of standard output.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Ask     string   `json:"ask"`
	Note    string   `json:"note"`
	Keys    []string `json:"keys"`
	Proof   [][]byte `json:"proof"`
	Root    []byte   `json:"root"`
	Old     []byte   `json:"old"`
	Leaf    []byte   `json:"leaf"`
	Entry   []byte   `json:"entry"`
	Size    int64    `json:"size"`
	OldSize int64    `json:"old_size"`
	Index   int64    `json:"index"`
	Folder  string   `json:"folder"`
}

// tiles reads tiles of height 8 out of a folder, under the names of c2sp.org/tlog-tiles.
type tiles struct{ folder string }

func (t tiles) Height() int                     { return 8 }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.folder, filepath.FromSlash(path)))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func hash(data []byte) (found tlog.Hash, err error) {
	if len(data) != len(found) {
		return found, fmt.Errorf("a hash of %d bytes", len(data))
	}
	copy(found[:], data)
	return found, nil
}

func hashes(list [][]byte) (found []tlog.Hash, err error) {
	for _, data := range list {
		one, err := hash(data)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

func answer(q question) error {
	if q.Ask == "note" {
		var known []note.Verifier
		for _, key := range q.Keys {
			verifier, err := note.NewVerifier(key)
			if err != nil {
				return err
			}
			known = append(known, verifier)
		}
		opened, err := note.Open([]byte(q.Note), note.VerifierList(known...))
		if err == nil && len(opened.Sigs) != len(known) {
			return fmt.Errorf("%d signatures of %d keys", len(opened.Sigs), len(known))
		}
		return err
	}
	root, err := hash(q.Root)
	if err != nil {
		return err
	}
	proof, err := hashes(q.Proof)
	if err != nil {
		return err
	}
	switch q.Ask {
	case "record":
		leaf, err := hash(q.Leaf)
		if err != nil {
			return err
		}
		return tlog.CheckRecord(proof, q.Size, root, q.Index, leaf)
	case "tree":
		old, err := hash(q.Old)
		if err != nil {
			return err
		}
		return tlog.CheckTree(proof, q.Size, root, q.OldSize, old)
	case "tiles":
		tree := tlog.Tree{N: q.Size, Hash: root}
		reader := tlog.TileHashReader(tree, tiles{q.Folder})
		made, err := tlog.ProveRecord(q.Size, q.Index, reader)
		if err != nil {
			return err
		}
		return tlog.CheckRecord(made, q.Size, root, q.Index, tlog.RecordHash(q.Entry))
	}
	return fmt.Errorf("unknown question %q", q.Ask)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<24)
	for lines.Scan() {
		var q question
		err := json.Unmarshal(lines.Bytes(), &q)
		if err == nil {
			err = answer(q)
		}
		if err != nil {
			fmt.Println("no: " + strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("yes")
		}
	}
}
