"""What the pages for people share: the client for apps, the modules of the browser, and how a page is served."""
