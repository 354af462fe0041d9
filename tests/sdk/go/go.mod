module check

go 1.24

require (
	golang.org/x/oauth2 v0.27.0
	sdk.example.com/go/jeton v0.0.0
	sdk.example.com/go/myinfo v0.0.0
)

replace sdk.example.com/go/jeton => ../../../target/sdk/go

replace sdk.example.com/go/myinfo => ../../../target/sdk-my-info/go
