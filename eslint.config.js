import tseslint from 'typescript-eslint'

const NODE_ONLY = ['public/app/**']

export default tseslint.config(
  {
    ignores: [
      'node_modules',
      '.node',
      'dist',
      'public/dist',
      'tests/output',
      'data',
      '**/*.mjs',
      'eslint.config.js',
      'public/docs/**',
    ],
  },
  ...tseslint.configs.strict,
  {
    files: ['**/*.ts', '**/*.tsx'],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './public/app/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-expressions': ['error', { allowTernary: true, allowShortCircuit: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-explicit-any': ['error', { ignoreRestArgs: true }],
      '@typescript-eslint/no-invalid-void-type': 'off',
      'max-depth': ['error', 3],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['tests/**', 'bench/**', 'scripts/**'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-floating-promises': 'off',
    },
  },
  // An endpoint or operation of any shape stands in one list; what vendors list is taken apart as it comes.
  {
    files: ['routes/endpoint.ts', 'services/agent/tool.ts', 'services/models/*list*.ts'],
    rules: { '@typescript-eslint/no-explicit-any': 'off' },
  },
  { files: NODE_ONLY, rules: { 'no-restricted-imports': ['error', { patterns: ['node:*'] }] } },
)
