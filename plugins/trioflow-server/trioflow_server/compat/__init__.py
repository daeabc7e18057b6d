"""The routes that Mastra's JavaScript client and Studio use, in the form they expect."""
