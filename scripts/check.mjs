// Types, lint, format and import rules, side by side; all findings are shown before it ends.
import { spawn } from 'node:child_process'

const CHECKS = {
  'types of the server': ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'],
  'types of the page': ['node_modules/typescript/bin/tsc', '-p', 'public/app/tsconfig.json'],
  lint: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0'],
  format: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'],
  'import rules': ['--test', 'tests/architecture.test.ts'],
}

/** @returns {Promise<{ name: string, ok: boolean, output: string }>} */
function run([name, args]) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('exit', (code) => resolve({ name, ok: code === 0, output }))
  })
}

const results = await Promise.all(Object.entries(CHECKS).map(run))
for (const { name, ok, output } of results) {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}`)
  if (!ok) console.log(output)
}
process.exit(results.every(({ ok }) => ok) ? 0 : 1)
