// go run mint.go KEY.pem KID ORIGIN RECORDING LISTENER prints a link of five minutes. Standard library alone.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

func main() {
	file, _ := os.ReadFile(os.Args[1])
	block, _ := pem.Decode(file)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	kid, origin, recording, listener := os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	jti, now := make([]byte, 16), time.Now().Unix()
	rand.Read(jti)
	part := func(value any) string {
		text, _ := json.Marshal(value)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(map[string]string{"alg": "Ed25519", "kid": kid}) + "." + part(map[string]any{
		"aud": origin, "sub": recording, "lsn": listener, "iat": now, "exp": now + 300,
		"jti": base64.RawURLEncoding.EncodeToString(jti),
	})
	signature := ed25519.Sign(key.(ed25519.PrivateKey), []byte(signed))
	fmt.Printf("%s/p/%s.%s\n", origin, signed, base64.RawURLEncoding.EncodeToString(signature))
}
