<?php
// php mint.php KEY.pem KID ORIGIN RECORDING LISTENER prints a link of five minutes. PHP 8 with sodium, no package.
[, $key, $kid, $origin, $recording, $listener] = $argv;
$base64url = fn (string $data): string => rtrim(strtr(base64_encode($data), '+/', '-_'), '=');
$der = base64_decode(preg_replace('/-----[^-]+-----|\s/', '', file_get_contents($key)));
$pair = sodium_crypto_sign_seed_keypair(substr($der, -32)); // The last 32 bytes of PKCS #8 are the private key.
$claims = ['aud' => $origin, 'sub' => $recording, 'lsn' => $listener, 'iat' => time(), 'exp' => time() + 300,
    'jti' => bin2hex(random_bytes(16))];
$signed = $base64url(json_encode(['alg' => 'Ed25519', 'kid' => $kid])) . '.' . $base64url(json_encode($claims));
$signature = sodium_crypto_sign_detached($signed, sodium_crypto_sign_secretkey($pair));
echo "$origin/p/$signed.", $base64url($signature), "\n";
