/** Runs before the first paint, so that a chosen theme never flashes. Everything else is in main.tsx. */
const theme = localStorage.getItem('steward.theme')
if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme
if (localStorage.getItem('steward.sidebar') === 'folded') document.documentElement.dataset['sidebar'] = 'folded'
