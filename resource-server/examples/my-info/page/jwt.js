// Decodes a JWT for display. It does not verify it; the API does.

/** The claims; empty if the token is not a JWT. */
export const claims = (token) => part(token, 1);

/** The header; empty if the token is not a JWT. */
export const header = (token) => part(token, 0);

function part(token, index) {
  try {
    const bytes = atob(token.split(".")[index].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))));
  } catch {
    return {};
  }
}
