// What stands in a JWT, for show: unverified, because verifying is the API's affair.

/** The claims; empty when it is no JWT. */
export const claims = (token) => part(token, 1);

/** The header; empty when it is no JWT. */
export const header = (token) => part(token, 0);

function part(token, index) {
  try {
    const bytes = atob(token.split(".")[index].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
  } catch {
    return {};
  }
}
