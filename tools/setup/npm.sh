# npm packages, among them the Node that runs everything else (node_modules/.bin/node).

node_or_die() {
	command -v node >/dev/null && command -v npm >/dev/null || die "Node.js 20.19 or newer with npm is needed; there is none in PATH"
	node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || (+a === 20 && +b >= 19) ? 0 : 1)' ||
		die "Node.js 20.19 or newer is needed; this is $(node --version)"
}

npm_install() { npm ci --no-audit --no-fund --ignore-scripts; }

setup_npm() {
	node tools/setup/npm-is-current.mjs && return 0
	step "npm packages" npm_install
	node tools/setup/npm-is-current.mjs || die "npm ci ended, but node_modules is not what package-lock.json says"
}
