// The words of memory that a board's thread and its bench both see.
export const WAKE = 0; // counts messages to the board; the board sleeps on it
export const WATCHDOG_MS = 1; // 0: not started
export const FED = 2; // counts feeds
export const SLOTS = 3;
