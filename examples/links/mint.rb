# ruby mint.rb KEY.pem KID ORIGIN RECORDING LISTENER prints a link of five minutes. Ruby 3.1 or newer, no gem.
require "json"
require "openssl"
require "securerandom"

key, kid, origin, recording, listener = ARGV
now = Time.now.to_i
claims = { aud: origin, sub: recording, lsn: listener, iat: now, exp: now + 300, jti: SecureRandom.hex(16) }
base64url = ->(data) { [data].pack("m0").tr("+/", "-_").delete("=") }
signed = [{ alg: "Ed25519", kid: kid }, claims].map { |part| base64url.(JSON.generate(part)) }.join(".")
signature = OpenSSL::PKey.read(File.read(key)).sign(nil, signed)
puts "#{origin}/p/#{signed}.#{base64url.(signature)}"
