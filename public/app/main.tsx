import { render } from 'preact'
import { App } from './app.tsx'
import { followLinks } from './router.ts'
import { loadMe } from './session.ts'

followLinks()
void loadMe()
const root = document.getElementById('app')
if (root) render(<App />, root)
