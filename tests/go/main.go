// Checks a published log with nothing of Carnet's: golang.org/x/mod/sumdb/note opens the checkpoint and the cosignatures
// under it, golang.org/x/mod/sumdb/tlog makes proofs of its own from the tiles and checks them against the signed root.
//
//	check -log http://host/log -vkey <log's vkey> -witness <vkey> -witness <vkey> -proofs 1000
//
// Prints one JSON object: size, root, who cosigned when, and every proof it made. Ends with 1 if anything does not check.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // of tiles, C2SP tlog-tiles

// cosigner verifies signatures of type 0x04, C2SP tlog-cosignature v1: a time, and Ed25519 over time and note.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64 // of the signature that was verified last
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	c.time = binary.BigEndian.Uint64(sig)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", c.time, msg)
	return ed25519.Verify(c.key, []byte(signed), sig[8:])
}

func newCosigner(vkey string) (*cosigner, error) {
	part := strings.SplitN(vkey, "+", 3)
	if len(part) != 3 {
		return nil, errors.New("a vkey has three parts")
	}
	key, err := base64.StdEncoding.DecodeString(part[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 0x04 {
		return nil, errors.New("no key of type 0x04")
	}
	sum := sha256.Sum256(append([]byte(part[0]+"\n"), key...))
	if hex.EncodeToString(sum[:4]) != part[1] {
		return nil, errors.New("the key id is another key's")
	}
	return &cosigner{name: part[0], hash: binary.BigEndian.Uint32(sum[:4]), key: key[1:]}, nil
}

// files reads what is below the log's prefix.
type files struct {
	prefix string
	kept   map[string][]byte
}

func (f *files) read(path string) ([]byte, error) {
	if data, ok := f.kept[path]; ok {
		return data, nil
	}
	answer, err := http.Get(f.prefix + "/" + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	f.kept[path] = data
	return data, nil
}

func (f *files) Height() int { return height }

func (f *files) SaveTiles([]tlog.Tile, [][]byte) {}

func (f *files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for i, tile := range tiles {
		// x/mod writes the height into the path, C2SP tlog-tiles fixes it at 8 and does not.
		data, err := f.read(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		all[i] = data
	}
	return all, nil
}

// entry reads entry i of a log of so many out of its bundle.
func (f *files) entry(i, size int64) ([]byte, error) {
	n, at := i>>height, i&(1<<height-1)
	width := min(size-n<<height, 1<<height)
	path := (tlog.Tile{H: height, L: 0, N: n, W: int(width)}).Path()
	data, err := f.read(strings.Replace(path, "tile/8/0/", "tile/entries/", 1))
	if err != nil {
		return nil, err
	}
	for ; len(data) >= 2; at-- {
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			break
		}
		if at == 0 {
			return data[2 : 2+length], nil
		}
		data = data[2+length:]
	}
	return nil, fmt.Errorf("the bundle ends before entry %d", i)
}

type cosigned struct {
	Name string `json:"name"`
	Time uint64 `json:"time"`
}

type proof struct {
	At     int64    `json:"at"` // index of an inclusion proof, old size of a consistency proof
	Hashes []string `json:"hashes"`
}

type report struct {
	Size        int64      `json:"size"`
	Root        string     `json:"root"`
	Cosigned    []cosigned `json:"cosigned"`
	Inclusion   []proof    `json:"inclusion"`
	Consistency []proof    `json:"consistency"`
}

type keys []string

func (k *keys) String() string        { return strings.Join(*k, " ") }
func (k *keys) Set(text string) error { *k = append(*k, text); return nil }

func open(f *files, vkey string, witnesses keys, said *report) (tlog.Tree, error) {
	var tree tlog.Tree
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	known := []note.Verifier{log}
	var cosigners []*cosigner
	for _, text := range witnesses {
		c, err := newCosigner(text)
		if err != nil {
			return tree, err
		}
		cosigners, known = append(cosigners, c), append(known, c)
	}
	raw, err := f.read("checkpoint")
	if err != nil {
		return tree, err
	}
	opened, err := note.Open(raw, note.VerifierList(known...))
	if err != nil {
		return tree, err
	}
	if len(opened.Sigs) != 1+len(cosigners) || opened.Sigs[0].Name != log.Name() {
		return tree, fmt.Errorf("%d signatures, expected the log's and %d witnesses'", len(opened.Sigs), len(cosigners))
	}
	for _, c := range cosigners {
		said.Cosigned = append(said.Cosigned, cosigned{c.name, c.time})
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != log.Name() {
		return tree, errors.New("no checkpoint of this log")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func hashes(proof []tlog.Hash) []string {
	texts := []string{}
	for _, hash := range proof {
		texts = append(texts, hex.EncodeToString(hash[:]))
	}
	return texts
}

func check(f *files, vkey string, witnesses keys, count int) (*report, error) {
	said := &report{}
	tree, err := open(f, vkey, witnesses, said)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	said.Size, said.Root = tree.N, hex.EncodeToString(tree.Hash[:])
	reader := tlog.TileHashReader(tree, f)
	random := rand.New(rand.NewSource(1))
	for range count {
		i := random.Int63n(tree.N)
		entry, err := f.entry(i, tree.N)
		if err != nil {
			return nil, err
		}
		p, err := tlog.ProveRecord(tree.N, i, reader)
		if err == nil {
			err = tlog.CheckRecord(p, tree.N, tree.Hash, i, tlog.RecordHash(entry))
		}
		if err != nil {
			return nil, fmt.Errorf("inclusion of entry %d: %w", i, err)
		}
		said.Inclusion = append(said.Inclusion, proof{i, hashes(p)})

		old := 1 + random.Int63n(tree.N)
		root, err := tlog.TreeHash(old, reader)
		if err != nil {
			return nil, fmt.Errorf("root of size %d: %w", old, err)
		}
		q, err := tlog.ProveTree(tree.N, old, reader)
		if err == nil {
			err = tlog.CheckTree(q, tree.N, tree.Hash, old, root)
		}
		if err != nil {
			return nil, fmt.Errorf("consistency from size %d: %w", old, err)
		}
		said.Consistency = append(said.Consistency, proof{old, hashes(q)})
	}
	return said, nil
}

func main() {
	prefix := flag.String("log", "", "the published log")
	vkey := flag.String("vkey", "", "the log's verifier key")
	count := flag.Int("proofs", 1000, "how many proofs of each kind")
	var witnesses keys
	flag.Var(&witnesses, "witness", "a witness's verifier key; all must have cosigned")
	flag.Parse()
	said, err := check(&files{strings.TrimSuffix(*prefix, "/"), map[string][]byte{}}, *vkey, witnesses, *count)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		os.Exit(1)
	}
}
