/** The console: one page without anything from elsewhere. */
import { createHash } from "node:crypto"
import { markup } from "./page/markup.js"
import { script } from "./page/script.js"
import { styles } from "./page/styles.js"

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%231f5fd0'/%3E%3Cpath d='M5 8h6M8 5l3 3-3 3' stroke='white' stroke-width='1.6' fill='none'/%3E%3C/svg%3E"

export const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Feishu emulator</title>
<link rel="icon" href="${icon}">
<style>${styles}</style>
</head>
<body>${markup}
<script>${script}</script>
</body>
</html>
`

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`

const policy = [
  // Nothing from elsewhere, no frame around the page.
  "default-src 'none'",
  "connect-src 'self'",
  "img-src data:",
  `style-src ${hashOf(styles)}`,
  `script-src ${hashOf(script)}`,
  // Text cannot become HTML.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'"
]

export const headers: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy": policy.join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer"
}
