module jeton-tls-checks

go 1.26.0
