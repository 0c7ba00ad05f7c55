const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LENGTH = 32;

/**
 * A new `Idempotency-Key`. It is no secret: the service takes it only together with the login code or
 * the refresh token, so it need but differ from the other keys of those. `Math.random` does that, and
 * WeChat's own random bytes are asynchronous, recent, and missing on h5.
 */
export function createIdempotencyKey(): string {
  let key = "";
  while (key.length < LENGTH) key += LETTERS.charAt(Math.floor(Math.random() * LETTERS.length));
  return key;
}
