/** For the OAuth provider's `hcaptcha.js`: nobody signs up for an account by its routes. */
export function HCaptchaClient(): never {
  throw new TypeError('no captcha here')
}
