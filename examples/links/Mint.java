// java Mint.java KEY.pem KID ORIGIN RECORDING LISTENER prints a link of five minutes. Java 17 or newer, no library.
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.UUID;

class Mint {
    static final Base64.Encoder BASE64URL = Base64.getUrlEncoder().withoutPadding();

    public static void main(String[] args) throws Exception {
        String pem = Files.readString(Path.of(args[0])).replaceAll("-----[^-]+-----|\\s", "");
        long now = System.currentTimeMillis() / 1000; // Seconds: with milliseconds the vault refuses the link.
        // The listener is a reference without quotes; for any text use a JSON library.
        String claims = String.format("{\"aud\":\"%s\",\"sub\":\"%s\",\"lsn\":\"%s\",\"iat\":%d,\"exp\":%d,\"jti\":\"%s\"}",
            args[2], args[3], args[4], now, now + 300, UUID.randomUUID());
        String head = String.format("{\"alg\":\"Ed25519\",\"kid\":\"%s\"}", args[1]);
        String signed = BASE64URL.encodeToString(head.getBytes()) + "." + BASE64URL.encodeToString(claims.getBytes());
        Signature signer = Signature.getInstance("Ed25519");
        signer.initSign(KeyFactory.getInstance("Ed25519")
            .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem))));
        signer.update(signed.getBytes());
        System.out.println(args[2] + "/p/" + signed + "." + BASE64URL.encodeToString(signer.sign()));
    }
}
