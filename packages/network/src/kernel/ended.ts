/** How a program ended that was to end otherwise, or not at all: `nft -i ended with 1: syntax error`. */
export function howEnded(
  words: readonly string[],
  code: number | null,
  signal: NodeJS.Signals | null,
  said: string,
): string {
  const why = said.trim() || (signal === 'SIGSEGV' && words.includes('nft') ? newerTable : '');
  return `${words.join(' ')} ended ${signal ? `by ${signal}` : `with ${code}`}${why && `: ${why}`}`;
}

/** Seen with 1.0.6 beside 1.1.3: whatever it is asked, it reads all tables first. */
const newerTable =
  'nft 1.0 does that where a newer nft has made a table; delete that table with the newer nft, or install that one here';
